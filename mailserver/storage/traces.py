"""Rows that tell the story of a message: by an index each, or for as long as a search may take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.event import Event
from mailserver.entities.identifiers import Kind
from mailserver.storage import events
from mailserver.storage.database import Snapshot

MOST = 200  # copies, queued messages and deliveries of one story
MOST_EVENTS = 500
ARRIVING_MS = 600_000  # an event about the arrival is written within this time
WEBHOOK_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class CopyRow:
    """A stored copy and where it lies."""

    message_id: int
    tenant_id: int
    inbox_id: int
    inbox: str
    received_at: int
    size: int
    flags: int
    visibility: int
    is_ours: int
    header_id: str
    subject: str
    people: str
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """An application that was told."""

    id: int
    type: str
    host: str
    state: str
    attempts: int
    created_at: int
    finished_at: int | None
    status: int | None
    error: str | None


def by_header(snapshot: Snapshot, header_id: str, header_hash: int) -> list[int]:
    """Every copy of a Message-ID, of all tenants."""
    rows = snapshot.all(
        "SELECT m.id FROM tenant t CROSS JOIN message m ON m.tenant_id = t.id AND m.header_hash = ? "
        "JOIN message_data d ON d.message_id = m.id WHERE d.header_id = ? LIMIT ?",
        (header_hash, header_id, MOST),
    )
    return sorted(row[0] for row in rows)


def copies(snapshot: Snapshot, message_ids: Sequence[int]) -> list[CopyRow]:
    """Those that are still stored."""
    found = []
    for message_id in message_ids[:MOST]:
        row = snapshot.one(
            "SELECT m.id, m.tenant_id, m.inbox_id, i.address, m.received_at, m.size, m.flags, m.visibility, m.is_ours, "
            "d.header_id, d.subject, d.people FROM message m JOIN message_data d ON d.message_id = m.id "
            "JOIN inbox i ON i.id = m.inbox_id WHERE m.id = ?",
            (message_id,),
        )
        if row:
            folders = snapshot.all(
                "SELECT f.name FROM placement p JOIN folder f ON f.id = p.folder_id WHERE p.message_id = ?",
                (message_id,),
            )
            found.append(CopyRow(*row, tuple(name for (name,) in folders)))  # type: ignore[call-arg]
    return found


def queued_by_message(snapshot: Snapshot, message_ids: Sequence[int]) -> list[int]:
    """Queued messages whose copy in Sent is one of these."""
    return [
        row[0]
        for message_id in message_ids[:MOST]
        for row in snapshot.all("SELECT id FROM queued WHERE message_id = ? LIMIT ?", (message_id, MOST))
    ]


def queued_by_header(snapshot: Snapshot, header_id: str, header_hash: int) -> list[int]:
    """Queued messages of a Message-ID, of all tenants."""
    rows = snapshot.all(
        "SELECT id FROM queued WHERE header_hash = ? AND header_id = ? ORDER BY id LIMIT ?",
        (header_hash, header_id, MOST),
    )
    return [row[0] for row in rows]


def deliveries_of(snapshot: Snapshot, queued_ids: Sequence[int]) -> list[int]:
    """The deliveries of queued messages."""
    return [
        row[0]
        for queued_id in queued_ids[:MOST]
        for row in snapshot.all("SELECT id FROM delivery WHERE queued_id = ? ORDER BY id LIMIT ?", (queued_id, MOST))
    ]


def inbox_of(snapshot: Snapshot, message_id: int, seconds: float) -> tuple[int, int] | None:
    """The tenant and inbox of a message that may have gone, from the event of its arrival."""
    made_at = identifiers.created_ms(message_id)
    with snapshot.within(seconds):
        row = snapshot.one(
            "SELECT tenant_id, inbox_id FROM event WHERE id BETWEEN ? AND ? AND type LIKE 'message.%' "
            "AND json_extract(body, '$.message_id') IN (?, ?) LIMIT 1",
            (
                identifiers.first_at(made_at),
                identifiers.first_at(made_at + ARRIVING_MS),
                *_named(Kind.MESSAGE, [message_id]),
            ),
        )
    return (row[0], row[1]) if row else None


def events_about(
    snapshot: Snapshot,
    inbox_id: int,
    since: int,
    message_ids: Sequence[int],
    delivery_ids: Sequence[int],
    seconds: float,
) -> list[Event]:
    """What was told about messages and deliveries of an inbox since a time; TookTooLong after so many seconds."""
    messages, deliveries = _named(Kind.MESSAGE, message_ids), _named(Kind.DELIVERY, delivery_ids)
    with snapshot.within(seconds):
        rows = snapshot.all(
            "SELECT id, tenant_id, inbox_id, type, occurred_at, body FROM event INDEXED BY event_inbox "
            "WHERE inbox_id = ? AND id >= ? AND "
            f"(json_extract(body, '$.message_id') IN ({_marks(messages)}) "
            f"OR json_extract(body, '$.delivery_id') IN ({_marks(deliveries)})) "
            "ORDER BY id LIMIT ?",
            (inbox_id, identifiers.first_at(since), *messages, *deliveries, MOST_EVENTS),
        )
    return [events.entity(row) for row in rows]


def webhooks_told(snapshot: Snapshot, tenant_id: int, told: Sequence[Event], seconds: float) -> list[WebhookRow]:
    """Who was told of events of a tenant; TookTooLong after so many seconds."""
    if not told:
        return []
    numbers = [event.id for event in told]
    since, until = identifiers.created_ms(min(numbers)), identifiers.created_ms(max(numbers)) + WEBHOOK_MS
    with snapshot.within(seconds):
        rows = snapshot.all(
            "SELECT w.id, w.type, e.host, w.state, w.attempts, w.created_at, w.finished_at, w.status, w.error "
            "FROM webhook_endpoint e CROSS JOIN webhook_delivery w INDEXED BY webhook_delivery_log "
            "ON w.endpoint_id = e.id AND w.id BETWEEN ? AND ? "
            f"WHERE e.tenant_id = ? AND w.event_id IN ({_marks(numbers)}) LIMIT ?",
            (identifiers.first_at(since), identifiers.first_at(until), tenant_id, *numbers, MOST_EVENTS),
        )
    return [WebhookRow(*row) for row in rows]


def audited(snapshot: Snapshot, tenant_id: int, since: int, object_ids: Sequence[str], seconds: float) -> list[Any]:
    """What people and programs did to these by the API: (occurred_at, actor, action, object id)."""
    with snapshot.within(seconds):
        return snapshot.all(
            "SELECT occurred_at, actor, action, object_id FROM audit WHERE tenant_id = ? AND id >= ? "
            f"AND object_id IN ({_marks(object_ids)}) ORDER BY id LIMIT ?",
            (tenant_id, identifiers.first_at(since), *object_ids, MOST),
        )


def _named(kind: Kind, numbers: Sequence[int]) -> list[object]:
    """Ids in both forms: bodies of events have the one or the other."""
    return [*numbers, *(identifiers.encode(kind, number) for number in numbers)]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
