"""Calendars, and the events in them."""

from typing import Any

import orjson

from mailserver.entities.calendar import Calendar, CalendarEvent, CalendarKind, EventStatus, Participant
from mailserver.storage.database import Snapshot, Transaction

MOST = 100  # calendars of one inbox
_CALENDAR = "id, tenant_id, inbox_id, name, kind, is_default, feed, created_at"
_EVENT = (
    "id, tenant_id, inbox_id, calendar_id, title, start_at, end_at, time_zone, description, status, location, "
    "participants, created_at, updated_at"
)


def add(tx: Transaction, calendar: Calendar) -> None:
    """Insert a calendar."""
    tx.execute(
        f"INSERT INTO calendar({_CALENDAR}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            calendar.id, calendar.tenant_id, calendar.inbox_id, calendar.name, calendar.kind.value,
            int(calendar.is_default), calendar.feed, calendar.created_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, calendar_id: int) -> Calendar | None:
    """A calendar by its id."""
    row = snapshot.one(f"SELECT {_CALENDAR} FROM calendar WHERE id = ?", (calendar_id,))
    return _calendar(row) if row else None


def of_inbox(snapshot: Snapshot, inbox_id: int) -> list[Calendar]:
    """The calendars of an inbox, oldest first."""
    rows = snapshot.all(f"SELECT {_CALENDAR} FROM calendar WHERE inbox_id = ? ORDER BY id LIMIT ?", (inbox_id, MOST))
    return [_calendar(row) for row in rows]


def default(snapshot: Snapshot, inbox_id: int, kind: CalendarKind) -> Calendar | None:
    """The calendar of a kind that an inbox was made with."""
    row = snapshot.one(
        f"SELECT {_CALENDAR} FROM calendar WHERE inbox_id = ? AND kind = ? AND is_default = 1", (inbox_id, kind.value)
    )
    return _calendar(row) if row else None


def change(tx: Transaction, calendar: Calendar) -> None:
    """Write what may be changed of a calendar."""
    tx.execute("UPDATE calendar SET name = ?, feed = ? WHERE id = ?", (calendar.name, calendar.feed, calendar.id))


def remove(tx: Transaction, calendar_id: int) -> None:
    """Delete a calendar with everything in it."""
    tx.execute("DELETE FROM calendar_event WHERE calendar_id = ?", (calendar_id,))
    tx.execute("DELETE FROM task WHERE calendar_id = ?", (calendar_id,))
    tx.execute("DELETE FROM calendar WHERE id = ?", (calendar_id,))


def put_event(tx: Transaction, event: CalendarEvent) -> None:
    """Insert an event, or write it in the place of the one that has its id."""
    participants = orjson.dumps([[each.email, each.name, each.role] for each in event.participants]).decode()
    tx.execute(
        f"INSERT INTO calendar_event({_EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT(id) DO UPDATE SET calendar_id = excluded.calendar_id, title = excluded.title, "
        "start_at = excluded.start_at, end_at = excluded.end_at, time_zone = excluded.time_zone, "
        "description = excluded.description, status = excluded.status, location = excluded.location, "
        "participants = excluded.participants, updated_at = excluded.updated_at",
        (
            event.id, event.tenant_id, event.inbox_id, event.calendar_id, event.title, event.start_at, event.end_at,
            event.time_zone, event.description, event.status.value, event.location, participants, event.created_at,
            event.updated_at,
        ),
    )  # fmt: skip


def event(snapshot: Snapshot, event_id: int) -> CalendarEvent | None:
    """An event by its id."""
    row = snapshot.one(f"SELECT {_EVENT} FROM calendar_event WHERE id = ?", (event_id,))
    return _event(row) if row else None


def remove_event(tx: Transaction, event_id: int) -> None:
    """Delete an event."""
    tx.execute("DELETE FROM calendar_event WHERE id = ?", (event_id,))


def events(
    snapshot: Snapshot, inbox_id: int, calendar_id: int | None, after: int | None, before: int | None,
    position: int, limit: int,
) -> tuple[list[CalendarEvent], int]:  # fmt: skip
    """Events of an inbox or of one of its calendars that start within a time, by their start; how many in all."""
    where, values = ["inbox_id = ?"], [inbox_id]
    if calendar_id is not None:
        where, values = ["calendar_id = ?"], [calendar_id]
    if after is not None:
        where.append("start_at >= ?")
        values.append(after)
    if before is not None:
        where.append("start_at < ?")
        values.append(before)
    condition = " AND ".join(where)
    rows = snapshot.all(
        f"SELECT {_EVENT} FROM calendar_event WHERE {condition} ORDER BY start_at, id LIMIT ? OFFSET ?",
        (*values, limit, position),
    )
    total: int = snapshot.one(f"SELECT COUNT(*) FROM calendar_event WHERE {condition}", values)[0]
    return [_event(row) for row in rows], total


def _calendar(row: tuple[Any, ...]) -> Calendar:
    identity, tenant_id, inbox_id, name, kind, is_default, feed, created_at = row
    return Calendar(identity, tenant_id, inbox_id, name, CalendarKind(kind), bool(is_default), feed, created_at)


def _event(row: tuple[Any, ...]) -> CalendarEvent:
    participants = tuple(Participant(*each) for each in orjson.loads(row[11]))
    return CalendarEvent(
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], EventStatus(row[9]), row[10],
        participants, row[12], row[13],
    )  # fmt: skip
