"""The event log: appended to by the transaction that an event reports, read back in order."""

import json
from dataclasses import dataclass
from typing import Any, Protocol

from mailserver.entities import identifiers
from mailserver.entities.event import Event, EventType

INSERT = "INSERT INTO event(id, tenant_id, inbox_id, type, occurred_at, body) VALUES (?, ?, ?, ?, ?, ?)"
INSERT_FEED = "INSERT INTO event_feed(event_id) VALUES (?)"  # beside it, in the same transaction
SLACK_MS = 3_600_000


def row(event: Event) -> tuple[Any, ...]:
    """The event as its row."""
    body = json.dumps(event.body, ensure_ascii=False, separators=(",", ":"))
    return event.id, event.tenant_id, event.inbox_id, event.type.value, event.occurred_at, body


def entity(columns: tuple[Any, ...]) -> Event:
    """A row (id, tenant_id, inbox_id, type, occurred_at, body) as the event."""
    identity, tenant_id, inbox_id, kind, occurred_at, body = columns
    return Event(identity, tenant_id, inbox_id, EventType(kind), occurred_at, json.loads(body))


class Rows(Protocol):
    """A snapshot; named by what is used of it, because the database itself writes events."""

    def all(self, statement: str, parameters: Any = ()) -> list[Any]:
        """All rows."""
        ...


class Writing(Protocol):
    """A transaction, in the same way."""

    def execute(self, statement: str, parameters: Any = ()) -> Any:
        """Run a statement."""
        ...


@dataclass(frozen=True, slots=True)
class Where:
    """Which events: of a tenant or of one inbox of it, of one type or of all but some."""

    tenant_id: int
    inbox_id: int | None
    type: EventType | None
    anniversary: str | None
    hidden: tuple[str, ...]
    after: int | None
    before: int | None
    cursor: int | None


def page(snapshot: Rows, where: Where, limit: int) -> list[Event]:
    """Events, the newest first."""
    conditions, values = ["inbox_id = ?" if where.inbox_id is not None else "tenant_id = ?"], list[object]()
    values.append(where.inbox_id if where.inbox_id is not None else where.tenant_id)
    marks = ", ".join("?" * len(where.hidden))
    # An id is made when its event is written or a little before, so that a time is a range of ids.
    for condition, given in (
        ("type = ?", [where.type.value] if where.type else None),
        ("json_extract(body, '$.anniversary_type') = ?", [where.anniversary] if where.anniversary else None),
        (f"type NOT IN ({marks})", [*where.hidden] if where.hidden and not where.type else None),
        ("id < ?", [where.cursor] if where.cursor is not None else None),
        ("occurred_at >= ? AND id >= ?", _since(where.after, -SLACK_MS)),
        ("occurred_at < ? AND id < ?", _since(where.before, SLACK_MS)),
    ):
        if given is not None:
            conditions.append(condition)
            values += given
    # Without statistics, two bounds of the id would look better to SQLite than the type.
    index = f" INDEXED BY event_{'inbox' if where.inbox_id is not None else 'tenant'}_type" if where.type else ""
    columns = "id, tenant_id, inbox_id, type, occurred_at, body"
    rows = snapshot.all(
        f"SELECT {columns} FROM event{index} WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?",
        [*values, limit],
    )
    return [entity(row) for row in rows]


def expire(tx: Writing, before: int, limit: int) -> int:
    """Delete some of the oldest events from before a time; how many. None that has still to be handed out."""
    gone: int = tx.execute(
        "DELETE FROM event WHERE id IN (SELECT e.id FROM event e WHERE e.id < ? "
        "AND NOT EXISTS (SELECT 1 FROM event_feed f WHERE f.event_id = e.id) ORDER BY e.id LIMIT ?)",
        (identifiers.first_at(before), limit),
    ).rowcount
    return gone


def _since(at: int | None, slack: int) -> list[object] | None:
    return None if at is None else [at, min(identifiers.first_at(at + slack), identifiers.LARGEST)]
