"""Events in calendars: what is at a time, and with whom."""

import time
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.calendar import Calendar, CalendarEvent, CalendarKind, EventStatus, Participant
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.services.workspace import calendars as calendar_names
from mailserver.services.workspace import reach
from mailserver.storage import calendars
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_TITLE = 500
LONGEST_TEXT = 20_000
LONGEST_EVENT_MS = 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an event is to be; None leaves it as it is, '' takes a text away."""

    title: str | None = None
    start_at: int | None = None
    duration_ms: int | None = None
    time_zone: str | None = None
    description: str | None = None
    status: EventStatus | None = None
    location: str | None = None
    participants: tuple[Participant, ...] | None = None


class Appointments:
    """Events, through the caller's eyes. Each change is told in its own transaction."""

    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    async def create(self, caller: Caller, inbox: Inbox, calendar: str | None, wanted: Wanted) -> CalendarEvent:
        """Make an event, in the inbox's own calendar where none is named."""
        return await self._database.write(self.insert, caller, inbox, calendar, wanted)

    def insert(
        self, tx: Transaction, caller: Caller, inbox: Inbox, calendar: str | None, wanted: Wanted
    ) -> CalendarEvent:
        """The same inside a transaction."""
        title, first = wanted.title, wanted.start_at
        if title is None or first is None:
            raise errors.Invalid("An event has a title and a start.", start="The field is required.")
        if not wanted.time_zone and inbox.default_timezone:
            wanted = replace(wanted, time_zone=inbox.default_timezone)
        now = int(time.time() * 1000)
        blank = CalendarEvent(
            self._ids.next(), inbox.tenant_id, inbox.id, 0, title, first, first + (wanted.duration_ms or 0),
            None, None, EventStatus.CONFIRMED, None, (), now, now,
        )  # fmt: skip
        reach.still_open(tx, inbox)
        made = replace(_applied(blank, wanted, now), calendar_id=_calendar(tx, caller, inbox, calendar).id)
        calendars.put_event(tx, made)
        self._tell(tx, EventType.EVENT_CREATED, made, now)
        return made

    async def page(
        self, caller: Caller, inbox: Inbox, calendar: str | None, after: int | None, before: int | None,
        position: int, limit: int,
    ) -> tuple[list[CalendarEvent], int]:  # fmt: skip
        """Events that start within a time, by their start."""

        def read(snapshot: Snapshot) -> tuple[list[CalendarEvent], int]:
            number = calendar_names.one(snapshot, caller, calendar, inbox).id if calendar is not None else None
            return calendars.events(snapshot, inbox.id, number, after, before, position, limit)

        return await self._database.read(read)

    async def get(self, caller: Caller, text: str, inbox: Inbox | None = None) -> CalendarEvent:
        """One event."""
        return await self._database.read(_one, caller, text, inbox)

    async def change(self, caller: Caller, text: str, wanted: Wanted, inbox: Inbox | None = None) -> CalendarEvent:
        """Change an event. One that is called off is told of as cancelled, once."""
        now = int(time.time() * 1000)

        def write(tx: Transaction) -> CalendarEvent:
            event = _one(tx, caller, text, inbox)
            changed = _applied(event, wanted, now)
            calendars.put_event(tx, changed)
            is_off = changed.status is EventStatus.CANCELLED and event.status is not EventStatus.CANCELLED
            self._tell(tx, EventType.EVENT_CANCELLED if is_off else EventType.EVENT_UPDATED, changed, now)
            return changed

        return await self._database.write(write)

    async def remove(self, caller: Caller, text: str, inbox: Inbox | None = None) -> None:
        """Delete an event, which calls it off."""
        now = int(time.time() * 1000)

        def write(tx: Transaction) -> None:
            event = _one(tx, caller, text, inbox)
            calendars.remove_event(tx, event.id)
            if event.status is not EventStatus.CANCELLED:
                self._tell(tx, EventType.EVENT_CANCELLED, event, now)

        await self._database.write(write)

    def _tell(self, tx: Transaction, kind: EventType, event: CalendarEvent, now: int) -> None:
        tx.publish(Event(self._ids.next(), event.tenant_id, event.inbox_id, kind, now, told(event)))


def told(event: CalendarEvent) -> dict[str, Any]:
    """What the event log says of an event in a calendar."""
    return {
        "calendar_event_id": identifiers.encode(Kind.CALENDAR_EVENT, event.id),
        "calendar_id": identifiers.encode(Kind.CALENDAR, event.calendar_id),
        "title": event.title, "start_at": event.start_at, "end_at": event.end_at, "time_zone": event.time_zone,
        "location": event.location, "status": event.status.value,
        "participants": [each.email for each in event.participants],
    }  # fmt: skip


def _one(snapshot: Snapshot, caller: Caller, text: str, inbox: Inbox | None) -> CalendarEvent:
    return reach.one(snapshot, calendars.event, Kind.CALENDAR_EVENT, caller, text, inbox.id if inbox else None)


def _calendar(tx: Transaction, caller: Caller, inbox: Inbox, text: str | None) -> Calendar:
    """The calendar that is named, or the inbox's own."""
    if text is None:
        found = calendars.default(tx, inbox.id, CalendarKind.EVENTS)
    else:
        found = calendar_names.one(tx, caller, text, inbox)
    if found is None:
        raise errors.NotFound("There is no such calendar.")
    if found.kind is not CalendarKind.EVENTS:
        raise errors.Invalid("This calendar is for tasks.", calendar_id="Name a calendar of the kind events.")
    return found


def _applied(event: CalendarEvent, wanted: Wanted, now: int) -> CalendarEvent:
    start = event.start_at if wanted.start_at is None else wanted.start_at
    length = event.end_at - event.start_at if wanted.duration_ms is None else wanted.duration_ms
    if not 0 <= length <= LONGEST_EVENT_MS:
        raise errors.Invalid("An event lasts a year at most.", duration="A year at most.")
    return replace(
        event,
        title=event.title if wanted.title is None else reach.text(wanted.title, "title", LONGEST_TITLE),
        start_at=start,
        end_at=start + length,
        time_zone=event.time_zone if wanted.time_zone is None else _zone(wanted.time_zone),
        description=_text(event.description, wanted.description, "description"),
        status=wanted.status or event.status,
        location=_text(event.location, wanted.location, "location"),
        participants=event.participants if wanted.participants is None else wanted.participants,
        updated_at=now,
    )


def _text(known: str | None, wanted: str | None, field: str) -> str | None:
    if wanted is None:
        return known
    return reach.text(wanted, field, LONGEST_TEXT) if wanted.strip() else None


def _zone(name: str) -> str | None:
    if not name:
        return None
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        sentence = "Write a zone such as Europe/Berlin."
        raise errors.Invalid(sentence, time_zone=sentence) from error
