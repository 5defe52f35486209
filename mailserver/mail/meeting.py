"""Meetings that a sentence names with their day and hour: "Let's meet on Thursday 3 December at 15:00"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from mailserver.mail import calendar_words, occasion, sentences
from mailserver.mail.address import Person
from mailserver.mail.occasion import Occasion

MAX_TEXT = 8_000
MOST_SENTENCES = 60
LATEST_DAYS = 5 * 366
_MONTH = "|".join(sorted(calendar_words.MONTHS, key=len, reverse=True))
_DAY = "|".join(sorted(calendar_words.DAYS, key=len, reverse=True))
_RELATIVE = "|".join(sorted(calendar_words.RELATIVE, key=len, reverse=True))
_DAY_FIRST = re.compile(
    rf"(?<![\w:.])(\d{{1,2}})(?:\.|st|nd|rd|th|er|º)?(?: (?:of|de))? ({_MONTH})\b\.?(?:,? (?:de )?(\d{{4}}))?"
)
_MONTH_FIRST = re.compile(
    rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?!:|\d|[.,]\d{{2}}\b| ?[ap]\.?m)(?:,? (\d{{4}})\b)?"
)
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)")
_DOTTED = re.compile(r"(?<![\d.])(\d{1,2})\.(\d{1,2})\.(\d{4}|\d\d(?!\d))?")
_SLASHED = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?:/(\d{4}|\d\d))?(?![\d/])")
_WEEKDAY = re.compile(rf"(?<!\w)({_DAY})(?!\w)")
_FROM_TODAY = re.compile(rf"(?<!\w)(?<!guten )({_RELATIVE})(?!\w)")
_CLOCK = re.compile(
    r"(?<![\d.:/])(?:(?P<hour>\d{1,2})(?:(?P<mark>[:.h]) ?(?P<minute>\d\d)(?!\d))?(?P<word> ?uhr| ?heures?|"
    r" ?horas?| ?h(?!\w))?"
    r" ?(?P<half>[ap]\.?m\b\.?)?|(?P<noon>noon|midday|mittags?|midi|mediodía))"
)
_AT = re.compile(
    r"(?:\bat|\bat about|@|\bum|\bgegen|\bab|\bà|\bvers|\ba las?|\ba|\bfrom|\bvon|\bde|\bdesde las?|\bbetween)$"
)
_UNTIL = re.compile(r" ?(?:-|\u2013|to|until|till|bis|à|jusqu'à|a|hasta|and|y|und|et)(?: las?)? ?$")
_LENGTH = re.compile(
    r"\b(?:for|für|pendant|durante|dauert|lasts?)(?: about| etwa| ca\.)? (an?|one|eine?|une?|una|half an?|\d{1,3}) ?"
    r"(minutes?|mins?|minuten|minutos|hours?|hrs?|stunden?|heures?|horas?)\b"
)
_LATE = re.compile(
    r"(?<!\w)(?:in the (?:afternoon|evening)|tonight|nachmittags?|abends?|de l'après-midi|du soir|(?:de|"
    r"por) la (?:tarde|noche))(?!\w)"
)
_MEETING = re.compile(rf"(?<!\w)(?:{'|'.join(calendar_words.MEETING)})(?!\w)")
_PAST = re.compile(
    r"(?<!\w)(?:yesterday|last (?:week|month|year)|gestern|letzte[nr]?|hier soir|dernière?|ayer|"
    r"pasad[oa] (?:semana|mes)|was|were|took place|war|waren|fand|a eu lieu|était|fue|tuvo)(?!\w)"
)
_OFF = re.compile(
    r"(?<!\w)(?:cancel\w{0,6}|called off|postponed|no longer|can(?:'t|not)|won't|abgesagt|verschoben|entfällt|fällt aus"
    r"|leider nicht|annulée?|reportée?|ne (?:peux|peut|pourrai)|cancelad[oa]|aplazad[oa]|no puedo)(?!\w)"
)
_PLACE = re.compile(
    r"^(?:location|place|where|venue|ort|wo|treffpunkt|lieu|où|adresse|lugar|dónde|"
    r"dirección)[ \t]{0,2}:[ \t]{0,3}(.{2,200})$",
    re.IGNORECASE | re.MULTILINE,
)
_ROOM = re.compile(
    r"\b(?:in|im|en|dans|à)(?: the| der| dem| la| le)? ((?:[\w-]{2,20} )?(?:room|raum|zimmer|konferenzraum|"
    r"salle|sala)\b(?: [\w.-]{1,20})?)",
    re.IGNORECASE,
)
_AT_PLACE = re.compile(r"\bat (?:the )?((?:[A-ZÀ-Ý][\w'&-]{1,30})(?: (?:[A-ZÀ-Ý][\w'&-]{1,30}|de|du|la|of)){0,4})")
_ANSWER = re.compile(r"(?:\s*(?:re|fwd?|aw|wg|tr|rv|sv)(?:\[\d{1,3}\])?\s*:)+\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Day:
    day: date
    span: tuple[int, int]


def read(subject: str, text: str, people: tuple[Person, ...], written: datetime) -> Occasion | None:
    """The first meeting that lies behind the time at which a letter was written, in that time's zone.

    A sentence counts that names a day and an hour and speaks of meeting; what is called off or past does not.
    """
    title = _ANSWER.sub("", subject[:500], count=1).strip()
    about = _MEETING.search(title.lower()) is not None
    for sentence in sentences.split(text[:MAX_TEXT])[:MOST_SENTENCES]:
        found = _moments(sentence, written, about=about)
        if found is not None:
            start, end = found
            return occasion.made(
                title or sentence, _ms(start), _ms(end), _place(sentence, text[:MAX_TEXT]), sentence, people
            )
    return None


def _moments(sentence: str, written: datetime, *, about: bool) -> tuple[datetime, datetime] | None:
    plain = sentence.lower()
    if not any(letter.isdigit() for letter in plain) and not _CLOCK_WORD.search(plain):
        return None
    if _PAST.search(plain) or _OFF.search(plain) or not (about or _MEETING.search(plain)):
        return None
    for found in _days(plain, written):
        rest = plain[: found.span[0]] + "\n" * (found.span[1] - found.span[0]) + plain[found.span[1] :]
        clock = _clocks(rest)
        if clock is None:
            continue
        start = _at(found.day, clock[0], written.tzinfo)
        if start is None or not written < start < written + timedelta(days=LATEST_DAYS):
            continue
        end = _at(found.day, clock[1], written.tzinfo) if clock[1] else None
        if end is None or end <= start:
            end = start + (_length(plain) or timedelta(hours=1))
        return start, end
    return None


_CLOCK_WORD = re.compile(r"\b(?:noon|midday|mittags?|midi|mediodía)\b")


def _days(plain: str, written: datetime) -> Iterator[_Day]:
    """The days that a sentence names, the surest way of writing first; contradicted by a weekday they do not count."""
    today = written.date()
    weekday = next((calendar_words.DAYS[found[1]] for found in _WEEKDAY.finditer(plain)), None)
    for found, year, month, number in _written(plain):
        day = _dated(year, month, number, today)
        if day is not None and weekday in (None, day.weekday()):
            yield _Day(day, found.span())
    if any(True for _ in _written(plain)):
        return
    for found in _FROM_TODAY.finditer(plain):
        yield _Day(today + timedelta(days=calendar_words.RELATIVE[found[1]]), found.span())
    for found in _WEEKDAY.finditer(plain):
        if len(found[1]) < 4:  # "sun" and "mar" are words of their own
            continue
        ahead = (calendar_words.DAYS[found[1]] - today.weekday() - 1) % 7 + 1
        yield _Day(today + timedelta(days=ahead), found.span())


def _written(plain: str) -> Iterator[tuple[re.Match[str], str | None, int, int]]:
    """(where, year, month, day) of every date that is written out."""
    months = calendar_words.MONTHS
    for found in _ISO.finditer(plain):
        yield found, found[1], int(found[2]), int(found[3])
    for found in _DAY_FIRST.finditer(plain):
        yield found, found[3], months[found[2]], int(found[1])
    for found in _MONTH_FIRST.finditer(plain):
        yield found, found[3], months[found[1]], int(found[2])
    for found in _DOTTED.finditer(plain):
        yield found, found[3], int(found[2]), int(found[1])
    for found in _SLASHED.finditer(plain):
        first, second = int(found[1]), int(found[2])
        if first > 12 >= second:  # elsewhere nobody knows which of them is the month
            yield found, found[3], second, first
        elif second > 12 >= first or first == second:
            yield found, found[3], first, second


def _dated(year: str | None, month: int, number: int, today: date) -> date | None:
    """The day; without a year the next one to come."""
    try:
        if year is not None:
            return date(int(year) + (2000 if len(year) == 2 else 0), month, number)
        day = date(today.year, month, number)
        return day if day >= today else date(today.year + 1, month, number)
    except ValueError:
        return None


def _clocks(rest: str) -> tuple[tuple[int, int], tuple[int, int] | None] | None:
    """Start, and the end where one is named; numbers that are no hours of a day for sure do not count."""
    times: list[tuple[re.Match[str], tuple[int, int]]] = []
    for found in _CLOCK.finditer(rest):
        before = rest[max(0, found.start() - 12) : found.start()].rstrip()
        is_end = bool(times) and _UNTIL.fullmatch(rest[times[-1][0].end() : found.start()]) is not None
        clock = _clock(found, is_sure=_AT.search(before) is not None or is_end)
        if clock is None:
            follows = _follows(rest, found)
            clock = _clock(found, is_sure=True) if follows else None
        if clock is not None:
            times.append((found, clock))
    if not times:
        return None
    (first, start), *others = times
    if start[0] < 12 and not first["half"] and _LATE.search(rest):
        start = start[0] + 12, start[1]
    if others and _UNTIL.fullmatch(rest[first.end() : others[0][0].start()]):
        end = others[0][1]
        if others[0][0]["half"] and not first["half"] and not first["minute"] and start[0] + 12 <= end[0]:
            start = start[0] + 12, start[1]  # 3-4 pm
        return start, end
    return start, None


def _follows(rest: str, found: re.Match[str]) -> bool:
    """Whether a bare number begins a range whose end is an hour: 3-4 pm, 15 bis 16 Uhr."""
    following = _CLOCK.search(rest, found.end())
    return (
        following is not None
        and _UNTIL.fullmatch(rest[found.end() : following.start()]) is not None
        and _clock(following, is_sure=False) is not None
    )


def _clock(found: re.Match[str], *, is_sure: bool) -> tuple[int, int] | None:
    if found["noon"]:
        return 12, 0
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    is_marked = found["word"] or found["half"] or (found["minute"] and found["mark"] in ":h")
    if not (is_marked or is_sure) or minute > 59:
        return None
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"].startswith("p") else 0)
    elif not is_marked and hour < 8:
        hour += 12  # nobody meets "at 3" in the night
    return (hour, minute) if hour < 24 else None


def _length(plain: str) -> timedelta | None:
    found = _LENGTH.search(plain)
    if found is None:
        return None
    if found[1].startswith("half"):
        return timedelta(minutes=30)
    number = int(found[1]) if found[1].isdigit() else 1
    length = timedelta(minutes=number) if found[2].startswith("m") else timedelta(hours=number)
    return length if timedelta(0) < length <= timedelta(days=2) else None


def _place(sentence: str, text: str) -> str | None:
    labelled = _PLACE.search(text)
    if labelled:
        return labelled[1].strip()
    for pattern in (_ROOM, _AT_PLACE):
        found = pattern.search(sentence)
        if found:
            return found[1].rstrip(".,;:")
    return None


def _at(day: date, clock: tuple[int, int], zone: tzinfo | None) -> datetime | None:
    try:
        return datetime(day.year, day.month, day.day, *clock, tzinfo=zone)
    except (ValueError, OverflowError):
        return None


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
