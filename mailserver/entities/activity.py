"""What happened between an inbox and one address, and how strong that makes their relationship."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ActivityType(StrEnum):
    """What a timeline tells of."""

    MESSAGE_SENT = "message.sent"
    MESSAGE_RECEIVED = "message.received"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_BOUNCED = "message.bounced"
    MESSAGE_SPAM_COMPLAINT = "message.spam_complaint"
    CALENDAR_EVENT_CREATED = "calendar_event.created"
    TICKET_OPENED = "ticket.opened"
    TICKET_UPDATED = "ticket.updated"
    TICKET_RESOLVED = "ticket.resolved"
    TICKET_CLOSED = "ticket.closed"
    TICKET_REOPENED = "ticket.reopened"


@dataclass(frozen=True, slots=True)
class NewActivity:
    """An entry to be made. Inbox, address, type and resource are its key: the same one again changes nothing."""

    type: ActivityType
    address: str
    resource_id: str  # the id, as the outside sees it, of what it is about
    occurred_at: int
    summary: str
    participants: tuple[tuple[str, str | None], ...] = ()  # (address, name)
    metadata: dict[str, Any] = field(default_factory=dict)
    message_id: int | None = None  # the message without which it means nothing


@dataclass(frozen=True, slots=True)
class Activity:
    """An entry of a timeline. `is_read` is the present state of its message, None where it has none."""

    id: int
    inbox_id: int
    address: str
    type: ActivityType
    resource_id: str
    occurred_at: int
    summary: str
    participants: tuple[tuple[str, str | None], ...]
    metadata: dict[str, Any]
    is_read: bool | None


@dataclass(frozen=True, slots=True)
class Relationship:
    """How much an inbox and an address have to do with each other; the weights are those of `last_at`."""

    address: str
    outbound: float
    inbound: float
    outbound_count: int
    inbound_count: int
    last_at: int
