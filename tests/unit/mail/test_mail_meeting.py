"""Days and hours in sentences, in four languages; what is no meeting is none."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mailserver.mail import meeting

ZONE = ZoneInfo("Europe/Berlin")
WRITTEN = datetime(2026, 11, 21, 19, 0, tzinfo=ZONE)  # a Saturday


def read(text, subject="Plan"):
    found = meeting.read(subject, text, (), WRITTEN)
    if found is None:
        return None
    start = datetime.fromtimestamp(found.start_at / 1000, ZONE)
    return f"{start:%Y-%m-%d %H:%M}", (found.end_at - found.start_at) // 60_000


@pytest.mark.parametrize(
    ("text", "start", "minutes"),
    [
        ("Let's meet on Thursday 3 December at 15:00.", "2026-12-03 15:00", 60),
        ("Can we have a call tomorrow at 3pm?", "2026-11-22 15:00", 60),
        ("Meeting on December 3rd, 2026 from 2pm to 4:30 pm.", "2026-12-03 14:00", 150),
        ("Are you available next Tuesday at 10?", "2026-11-24 10:00", 60),
        ("Lunch on 12/25 at noon?", "2026-12-25 12:00", 60),
        ("The call is on 2027-02-03 15:00 for 30 minutes.", "2027-02-03 15:00", 30),
        ("Meeting 3-4 pm on Friday", "2026-11-27 15:00", 60),
        ("Dinner at 7 on Saturday", "2026-11-28 19:00", 60),
        ("Interview: 5 May, 10.30 am", "2027-05-05 10:30", 60),
        ("Treffen wir uns am Donnerstag, den 3.12.2026 um 15 Uhr?", "2026-12-03 15:00", 60),
        ("Der Termin ist am 3. Dezember von 15 bis 16 Uhr.", "2026-12-03 15:00", 60),
        ("Besprechung morgen um 9:30 Uhr", "2026-11-22 09:30", 60),
        ("La réunion aura lieu le jeudi 3 décembre à 15h30.", "2026-12-03 15:30", 60),
        ("Rendez-vous demain à 14 heures.", "2026-11-22 14:00", 60),
        ("Quedamos el jueves 3 de diciembre a las 15:00.", "2026-12-03 15:00", 60),
        ("La cena es el viernes a las 9 de la noche.", "2026-11-27 21:00", 60),
    ],
)
def test_a_meeting_is_read_from_its_sentence(text, start, minutes):
    assert read(text) == (start, minutes)


@pytest.mark.parametrize(
    "text",
    [
        "Let's meet on Friday 3 December at 15:00.",  # a Thursday
        "The meeting on 3 December at 15:00 is cancelled.",
        "We met yesterday at 15:00 in a meeting.",
        "Your meeting was on 3 November at 15:00.",
        "Let's talk on 31 February at 10:00",
        "Let's meet at 99:99 tomorrow",
        "We should meet in December.",
        "The invoice of 2026-12-03 is 15.00 EUR.",
        "Guten Morgen, bitte 15 Uhren senden.",
        "Der Termin am 3.12.2026 um 15 Uhr ist abgesagt.",
        "Meeting on 03/12 at 15:00",
        "You may call 5 people.",
        "The call was on 2020-01-01 at 10:00.",
        "Meeting on 2099-01-01 at 10:00",
    ],
)
def test_what_is_past_off_or_doubtful_is_no_meeting(text):
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Let's meet tomorrow at 15:00 in Conference Room B.", "Conference Room B"),
        ("Treffen morgen um 15 Uhr im Raum Berlin.", "Raum Berlin"),
        ("Let's have lunch tomorrow at 12:00 at Café Central.", "Café Central"),
        ("The call is tomorrow at 15:00.\nLocation: Main Street 5", "Main Street 5"),
        ("The call is tomorrow at 15:00.", None),
    ],
)
def test_the_place_is_read_where_it_is_named(text, place):
    assert meeting.read("s", text, (), WRITTEN).location == place


def test_the_title_is_the_subject_without_what_answers_put_before_it():
    assert meeting.read("Re: AW: Fwd: Launch", "Call tomorrow at 15:00.", (), WRITTEN).title == "Launch"
