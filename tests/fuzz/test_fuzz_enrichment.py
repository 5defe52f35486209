"""What enrichment makes of bytes that nobody would send on purpose, and how long it takes over hostile ones."""

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import invitation, meeting, occasion, reservations, sentences, summary
from mailserver.mail.address import Person
from mailserver.mail.summary import Turn
from mailserver.services.enrichment import letter
from tests.support import fuzzing

FUZZ = fuzzing.examples(150)
WRITTEN = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
SECONDS = 2.0  # generous: two cores are shared by many
PIECES = [
    b"\r\n",
    b"\r\n\r\n",
    b"--b\r\n",
    b"\x00",
    b"\xff",
    b" ",
    b"a",
    b"From: A <a@b.test>\r\n",
    b"Subject: call\r\n",
    b"Content-Type: text/html\r\n",
    b"Content-Type: text/calendar\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"BEGIN:VEVENT\r\n",
    b"END:VEVENT\r\n",
    b"DTSTART;TZID=x:20261203T150000\r\n",
    b"DURATION:P1W\r\n",
    b"RRULE:FREQ=SECONDLY\r\n",
    b"<script type=application/ld+json>",
    b"</script>",
    b'{"@type":"Event",',
    b'"startDate":',
    b'"2027-01-01"}',
    b"[",
    b"{",
    b"<div itemscope itemtype=x/Event>",
    b"<b itemprop=startDate content=2027-01-01>",
    b"meet on 3 December at 15:00. ",
    b"we decided ",
    b"please ",
    b"I will ",
    b"Bob, ",
    b"1.1.",
    b"3-4 pm ",
    b"tomorrow ",
    b"\xe2\x80\x99",
    b"\xed\xa0\x80",
    b"?",
    b"!",
]
WORDS = [
    "meet ",
    "call ",
    "3 ",
    "december ",
    "15:00 ",
    "at ",
    "um ",
    "uhr ",
    "tomorrow ",
    "next ",
    "friday ",
    "1.2.",
    "1/13 ",
    "2027-01-01 ",
    "pm ",
    "-",
    "until ",
    "for ",
    "half an hour ",
    "noon ",
    ". ",
    "\n",
    "we decided ",
    "please ",
    "i will ",
    "bob ",
    "bob: ",
    "to ",
    "todo: ",
    "resolved ",
    "not ",
    "?",
    "é",
    "ß",
    "\u2019",
    "\ud800",
    "\x00",
    "9" * 20,
    "-- ",
    "> ",
]


def check(found):
    if found is None:
        return
    assert 0 <= found.end_at - found.start_at <= occasion.LONGEST_MS
    for text in (found.title, found.location or "", *(found.description or "").split("\n")):
        assert "\x00" not in text
        text.encode()
    assert len(found.title) <= occasion.LONGEST_TITLE


@FUZZ
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=80))
def test_any_bytes_give_a_letter_that_can_be_read(pieces):
    found = letter.read(b"".join(pieces))
    assert len(found.words) <= letter.MOST_WORDS
    for text in found.calendars:
        check(invitation.read(text, UTC))
    check(reservations.read(found.html, UTC))
    check(meeting.read(found.subject, found.text, found.people, WRITTEN))
    digest = summary.summarise(found.subject, [Turn(found.author, found.to, found.text)])
    assert all(item.owner and item.action for item in digest.action_items)


@FUZZ
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=60))
def test_any_text_gives_sentences_meetings_and_summaries(words):
    text = "".join(words)
    assert len(sentences.split(text)) <= sentences.MOST
    check(meeting.read(text, text, (), WRITTEN))
    check(invitation.read(f"BEGIN:VEVENT\n{text}\nDTSTART:20270101\nEND:VEVENT", UTC))
    found = summary.summarise(text, [Turn(Person("a@b.test", text[:20]), (Person("bob@c.test", "Bob"),), text)] * 2)
    assert len(found.action_items) <= summary.MOST_ITEMS


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.sampled_from(["Event", "2027-01-01T10:00"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["@type", "@graph", "startDate", "name", "location", "reservationFor", "underName", "address"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@FUZZ
@given(JSON)
def test_any_json_is_read_as_a_reservation_or_none(node):
    check(reservations.read(f"<script type='application/ld+json'>{json.dumps(node)}</script>", UTC))


HEAD = b"From: a@b.test\r\nSubject: Call tomorrow\r\n"
HTML, CALENDAR, TEXT = (HEAD + b"Content-Type: text/%s\r\n\r\n" % kind for kind in (b"html", b"calendar", b"plain"))
HOSTILE = {
    "10 MB of HTML": HTML + b"<p>meet at 3 pm tomorrow</p>" * 380_000,
    "10,000 JSON-LD blocks": HTML + b'<script type="application/ld+json">{"@type":"Event"}</script>' * 10_000,
    "one JSON-LD block of a megabyte": HTML + b'<script type="application/ld+json">' + b'{"a":[' * 170_000,
    "JSON that nests deep": HTML
    + b'<script type="application/ld+json">'
    + b"[" * 50_000
    + b"]" * 50_000
    + b"</script>",
    "scripts that never end": HTML + b"<script " * 120_000,
    "items in items": HTML + b"<div itemscope itemtype='x/Event'><b itemprop=name>" * 20_000,
    "shallow items with long texts": HTML
    + b"<p itemscope itemtype='x/Event'><b itemprop=name>x" * 1_900
    + b"y" * 500_000,
    "a recurrence bomb": CALENDAR
    + b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20270101T000000Z\r\n"
    + b"RRULE:FREQ=SECONDLY;COUNT=999999999\r\nRDATE:20270101T000000Z\r\n" * 2_000
    + b"END:VEVENT\r\n",
    "a calendar of one folded line": CALENDAR + b"BEGIN:VEVENT\r\nSUMMARY:a\r\n" + b" b\r\n" * 250_000,
    "100,000 attendees": CALENDAR + b"BEGIN:VEVENT\r\nDTSTART:20270101\r\n" + b"ATTENDEE:mailto:a@b.test\r\n" * 100_000,
    "components in components": CALENDAR + b"BEGIN:VEVENT\r\n" * 60_000,
    "a line of a megabyte": TEXT + b"meet at 3 " * 100_000,
    "a megabyte of blanks": TEXT + b"meet " + b" " * 1_000_000 + b"at 3",
    "a megabyte of dates": TEXT + b"call 3.12.2026 um " * 55_000,
    "a megabyte of decisions": TEXT + b"we decided. please send it. I will. " * 28_000,
    "a megabyte of empty lines": TEXT + b"\r\n" * 500_000,
    "a megabyte of quotes": TEXT + b"> > > On 3 May at 3 pm a wrote:\r\n" * 30_000,
    "a million names": TEXT + b"Bob Bob: to " * 80_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_takes_a_bounded_time(name):
    raw = HOSTILE[name]
    started = time.process_time()
    found = letter.read(raw[: letter.MAX_BYTES])
    for text in found.calendars:
        check(invitation.read(text, UTC))
    check(reservations.read(found.html, UTC))
    check(meeting.read(found.subject, found.text, found.people, WRITTEN))
    summary.summarise(found.subject, [Turn(found.author, found.to, found.text)] * 5)
    assert time.process_time() - started < SECONDS
