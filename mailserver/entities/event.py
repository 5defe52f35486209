"""What happened, as published to webhooks and feeds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    """The closed set of things that are told."""

    MESSAGE_RECEIVED = "message.received"
    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_DEFERRED = "message.deferred"
    MESSAGE_BOUNCED = "message.bounced"
    MESSAGE_COMPLAINED = "message.complained"
    MESSAGE_SUPPRESSED = "message.suppressed"
    MESSAGE_REJECTED = "message.rejected"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_APPROVED = "approval.approved"
    APPROVAL_REJECTED = "approval.rejected"
    APPROVAL_EXPIRED = "approval.expired"
    EVENT_CREATED = "event.created"
    EVENT_UPDATED = "event.updated"
    EVENT_CANCELLED = "event.cancelled"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the event log. `body` is plain JSON data."""

    id: int
    tenant_id: int
    inbox_id: int
    type: EventType
    occurred_at: int
    body: dict[str, Any]
