"""iCalendar (RFC 5545): events and things to do, as other programs read them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import icalendar

PRODUCT = "-//mailserver//calendar//EN"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event, or with `is_task` something to do: `at` is the start or the date that it is due. Unix milliseconds."""

    uid: str
    is_task: bool
    title: str
    status: str
    changed_at: int
    at: int | None = None
    end_at: int | None = None
    description: str | None = None
    location: str | None = None
    participants: tuple[tuple[str, str | None], ...] = ()  # address and name


def write(name: str, entries: Iterable[Entry]) -> bytes:
    """A calendar as a file. Times are in UTC, so that no zone has to be described."""
    made = icalendar.Calendar()
    made.add("prodid", PRODUCT)
    made.add("version", "2.0")
    made.add("x-wr-calname", name)
    for entry in entries:
        made.add_component(_component(entry))
    content: bytes = made.to_ical()
    return content


def _component(entry: Entry) -> icalendar.Event | icalendar.Todo:
    one = icalendar.Todo() if entry.is_task else icalendar.Event()
    one.add("uid", entry.uid)
    one.add("dtstamp", _moment(entry.changed_at))
    one.add("summary", entry.title)
    one.add("status", entry.status)
    if entry.at is not None:
        one.add("due" if entry.is_task else "dtstart", _moment(entry.at))
    if entry.end_at is not None and entry.end_at != entry.at:
        one.add("completed" if entry.is_task else "dtend", _moment(entry.end_at))
    for field, value in (("description", entry.description), ("location", entry.location)):
        if value:
            one.add(field, value)
    for email, name in entry.participants:
        address = icalendar.vCalAddress(f"mailto:{_line(email)}")
        if name:
            address.params["cn"] = icalendar.vText(_line(name))
        one.add("attendee", address)
    return one


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC)


def _line(text: str) -> str:
    """What fits into a parameter: no line ends, quotes or controls."""
    return "".join(letter for letter in text if letter.isprintable() and letter != '"')
