"""Dates: of a field, and of now (RFC 5260 4, 5)."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from email import utils as email_utils

from mailserver.mail import headers
from mailserver.mail.sieve import fields, matching
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments, Kind, Option, Signature

_MODIFIED_JULIAN = 678_576  # from the proleptic Gregorian ordinal to the Modified Julian Day
_ZONE = re.compile(r"([+-])([0-9]{2})([0-5][0-9])")
_LONGEST = 200
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _zone(at: datetime) -> str:
    return at.strftime("%z")[:5]


PARTS: dict[str, Callable[[datetime], str]] = {
    "year": lambda at: f"{at.year:04}",
    "month": lambda at: f"{at.month:02}",
    "day": lambda at: f"{at.day:02}",
    "date": lambda at: f"{at.year:04}-{at.month:02}-{at.day:02}",
    "julian": lambda at: str(at.toordinal() - _MODIFIED_JULIAN),
    "hour": lambda at: f"{at.hour:02}",
    "minute": lambda at: f"{at.minute:02}",
    "second": lambda at: f"{at.second:02}",
    "time": lambda at: f"{at.hour:02}:{at.minute:02}:{at.second:02}",
    "iso8601": lambda at: at.replace(microsecond=0).isoformat(),
    "std11": lambda at: (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04}"
        f" {at.hour:02}:{at.minute:02}:{at.second:02} {_zone(at)}"
    ),
    "zone": _zone,
    "weekday": lambda at: str(at.isoweekday() % 7),
}


def _complaint(arguments: Arguments, part: str) -> str:
    if "${" not in part and part.lower() not in PARTS:
        return f"A date has no part {part[:40]}."
    zone = arguments.text("zone")
    if arguments.has("zone") and "${" not in zone and not _ZONE.fullmatch(zone):
        return ":zone takes an offset such as +0100."
    return matching.complaint(arguments)


def _complaint_of_date(arguments: Arguments) -> str:
    return _complaint(arguments, arguments.text(1)) or fields.complaint(arguments, 0)


def _complaint_of_currentdate(arguments: Arguments) -> str:
    return _complaint(arguments, arguments.text(0))


_OF_ZONE = {"zone": Option(Kind.TEXT, group="zone")}
DATE = Signature(
    "date", (Kind.TEXT, Kind.TEXT, Kind.TEXTS), "date",
    matching.OPTIONS | fields.INDEX | _OF_ZONE | {"originalzone": Option(group="zone")}, complaint=_complaint_of_date,
)  # fmt: skip
CURRENTDATE = Signature(
    "currentdate", (Kind.TEXT, Kind.TEXTS), "date", matching.OPTIONS | _OF_ZONE, complaint=_complaint_of_currentdate
)


def date(machine: Machine, arguments: Arguments) -> bool:
    """Whether a part of the date in a field matches."""

    def found() -> Iterator[str]:
        for value in fields.raw(machine, arguments, [machine.text(arguments.text(0))]):
            at = _read(value)
            if at is not None:
                part = _part(
                    machine, machine.text(arguments.text(1)), at if arguments.has("originalzone") else None, at
                )
                yield from part(arguments)

    return matching.matches(machine, arguments, found(), machine.texts(arguments.texts(2)))


def currentdate(machine: Machine, arguments: Arguments) -> bool:
    """Whether a part of the present date matches."""
    now = datetime.fromtimestamp(machine.world.at, UTC)
    found = _part(machine, machine.text(arguments.text(0)), None, now)(arguments)
    return matching.matches(machine, arguments, found, machine.texts(arguments.texts(1)))


def _part(machine: Machine, name: str, given: datetime | None, at: datetime) -> Callable[[Arguments], list[str]]:
    """The part of a moment: in the zone that it was written in, that is asked for, or that is ours."""

    def read(arguments: Arguments) -> list[str]:
        wanted = PARTS.get(name.lower())
        zone = machine.world.zone
        if arguments.has("zone"):
            found = _ZONE.fullmatch(machine.text(arguments.text("zone")))
            minutes = (int(found[2]) * 60 + int(found[3])) % 1440 if found else 0
            zone = timezone(timedelta(minutes=-minutes if found and found[1] == "-" else minutes))
        if wanted is None:
            return []
        try:
            return [wanted(given or at.astimezone(zone))]
        except (OverflowError, ValueError):  # the first and the last day of all
            return []

    return read


def _read(value: bytes) -> datetime | None:
    """The moment with its offset; in Received it stands behind the last semicolon."""
    text = headers.decode(value[-4 * _LONGEST :]).rpartition(";")[2].strip()
    if len(text) > _LONGEST:
        return None
    try:
        found = email_utils.parsedate_tz(text)
        if found is None:
            return None
        zone = timezone(timedelta(seconds=found[9] or 0))
        return datetime(*found[:5], min(found[5], 59), tzinfo=zone)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
