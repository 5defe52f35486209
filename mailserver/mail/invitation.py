"""Invitations in mail (RFC 5545, RFC 5546): when and where the first event of a calendar part takes place.

Lines are read one by one. No calendar is built from them, because a calendar unrolls the rules of its zones and of
its repetitions, and strangers write those.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar.parser import Contentline
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from mailserver.mail import occasion, spoken_dates
from mailserver.mail.address import Person
from mailserver.mail.occasion import Occasion

MAX_TEXT = 256 * 1024
MOST_LINES = 2_000
LONGEST_LINE = 4_000
MOST_DEEP = 20
_ASKS = ("REQUEST", "PUBLISH", "ADD", "")
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?")
_WANTED = frozenset({"DTSTART", "DTEND", "DURATION", "SUMMARY", "LOCATION", "DESCRIPTION", "ATTENDEE", "ORGANIZER",
                     "STATUS"})  # fmt: skip
_ESCAPED = re.compile(r"\\([\\;,nN])")


@dataclass(slots=True)
class _Event:
    values: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)


def read(text: str, local: tzinfo | None) -> Occasion | None:
    """The first event that a calendar part invites to; None where it is called off, answered, or not there.

    A time without a zone is in the reader's.
    """
    found = _first(text)
    if found is None or _said(found, "STATUS").upper() == "CANCELLED":
        return None
    start = _moment(found, "DTSTART", local)
    if start is None:
        return None
    end = _end(found, start, local)
    return occasion.made(
        _said(found, "SUMMARY") or "Invitation", start, end, _said(found, "LOCATION"), _said(found, "DESCRIPTION"),
        tuple(found.people.values()),
    )  # fmt: skip


def zone(name: str) -> tzinfo | None:
    """A zone by the name that calendars give it, Windows' own names included; None for a name of their making."""
    plain = name.strip().strip('"')
    plain = WINDOWS_TO_OLSON.get(plain, plain)
    if plain.upper() in ("UTC", "GMT", "Z"):
        return UTC
    for candidate in (plain, "/".join(plain.split("/")[-2:])):  # /example.org/2020/Europe/Berlin
        try:
            return ZoneInfo(candidate)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return None


def _first(text: str) -> _Event | None:
    """The properties of the first VEVENT, those of its alarms left out."""
    inside: list[str] = []
    found: _Event | None = None
    for line in _lines(text[:MAX_TEXT]):
        upper = line[:60].upper()
        if upper.startswith("BEGIN:"):
            inside.append(upper[6:].strip())
            if len(inside) > MOST_DEEP:
                return found
            if inside[-1] == "VEVENT" and found is None:
                found = _Event()
        elif upper.startswith("END:"):
            if inside and inside.pop() == "VEVENT":
                return found
        elif upper.startswith("METHOD:") and upper[7:].strip() not in _ASKS:
            return None
        elif inside and inside[-1] == "VEVENT" and found is not None:
            _take(found, line)
    return found


def _lines(text: str) -> Iterator[str]:
    """Unfolded lines (RFC 5545 3.1), overlong ones cut."""
    held: list[str] = []
    length = count = 0
    for line in text.splitlines():
        count += 1
        if count > MOST_LINES:
            break
        if line[:1] in (" ", "\t") and held:
            if length < LONGEST_LINE:
                held.append(line[1:LONGEST_LINE])
                length += len(line)
            continue
        if held:
            yield "".join(held)[:LONGEST_LINE]
        held, length = [line[:LONGEST_LINE]], len(line)
    if held:
        yield "".join(held)[:LONGEST_LINE]


def _take(event: _Event, line: str) -> None:
    word = re.split("[;:]", line[:40], maxsplit=1)[0].upper()
    if word not in _WANTED or (word in event.values and word != "ATTENDEE"):
        return
    try:
        name, parameters, value = Contentline(line).parts()  # type: ignore[no-untyped-call]
    except ValueError:
        return
    plain = {key.upper(): str(one) for key, one in parameters.items()}
    if name.upper() in ("ATTENDEE", "ORGANIZER"):
        address = value.strip()
        if address[:7].lower() == "mailto:" and len(event.people) < occasion.MOST_PEOPLE:
            address = occasion.line(address[7:], 254)
            if "@" in address:
                called = occasion.line(plain.get("CN", "").strip('"'), 100)
                event.people.setdefault(address.lower(), Person(address, called or None))
        return
    event.values[name.upper()] = plain, value


def _said(event: _Event, name: str) -> str:
    _, value = event.values.get(name, ({}, ""))
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def _moment(event: _Event, name: str, local: tzinfo | None) -> int | None:
    parameters, value = event.values.get(name, ({}, ""))
    found = _TIME.fullmatch(value.strip())
    if found is None:
        return None
    where = UTC if found[7] == "Z" else (zone(parameters["TZID"]) if "TZID" in parameters else None) or local or UTC
    try:
        year, month, day, hour, minute, second = (int(each or 0) for each in found.groups()[:6])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=where)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _end(event: _Event, start: int, local: tzinfo | None) -> int | None:
    end = _moment(event, "DTEND", local)
    if end is not None:
        return end
    length = spoken_dates.span(_said(event, "DURATION").strip().lstrip("+"))
    if length is not None and length < timedelta(days=366):
        return start + int(length.total_seconds() * 1000)
    is_day = "T" not in event.values["DTSTART"][1]
    return start + 24 * occasion.HOUR_MS if is_day else None  # RFC 5545 3.6.1: a date lasts that day
