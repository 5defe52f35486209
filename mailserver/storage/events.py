"""The event log: appended to by the transaction that an event reports, read back in order."""

import json
from typing import Any

from mailserver.entities.event import Event, EventType

INSERT = "INSERT INTO event(id, tenant_id, inbox_id, type, occurred_at, body) VALUES (?, ?, ?, ?, ?, ?)"
INSERT_FEED = "INSERT INTO event_feed(event_id) VALUES (?)"  # beside it, in the same transaction


def row(event: Event) -> tuple[Any, ...]:
    """The event as its row."""
    body = json.dumps(event.body, ensure_ascii=False, separators=(",", ":"))
    return event.id, event.tenant_id, event.inbox_id, event.type.value, event.occurred_at, body


def entity(columns: tuple[Any, ...]) -> Event:
    """A row (id, tenant_id, inbox_id, type, occurred_at, body) as the event."""
    identity, tenant_id, inbox_id, kind, occurred_at, body = columns
    return Event(identity, tenant_id, inbox_id, EventType(kind), occurred_at, json.loads(body))
