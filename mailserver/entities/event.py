"""What happened, as published to webhooks and feeds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    """The closed set of things that are told."""

    MESSAGE_RECEIVED = "message.received"
    MESSAGE_RECEIVED_SPAM = "message.received.spam"
    MESSAGE_RECEIVED_BLOCKED = "message.received.blocked"
    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_DEFERRED = "message.deferred"
    MESSAGE_BOUNCED = "message.bounced"
    MESSAGE_COMPLAINED = "message.complained"
    MESSAGE_SUPPRESSED = "message.suppressed"
    MESSAGE_REJECTED = "message.rejected"
    MESSAGE_HELD = "message.held"
    MESSAGE_OPENED = "message.opened"
    MESSAGE_CLICKED = "message.clicked"
    THREAD_ASSIGNED = "thread.assigned"
    THREAD_NOTE_ADDED = "thread.note_added"
    TICKET_OPENED = "ticket.opened"
    TICKET_UPDATED = "ticket.updated"
    TICKET_RESOLVED = "ticket.resolved"
    TICKET_CLOSED = "ticket.closed"
    TICKET_REOPENED = "ticket.reopened"
    LABEL_APPLIED = "label.applied"
    LABEL_REMOVED = "label.removed"
    CONTACT_ANNIVERSARY = "contact.anniversary"  # told as contact.{anniversary_type}, which its body has
    CONTACT_UNSUBSCRIBED = "contact.unsubscribed"
    CONTACT_SHARE_RECEIVED = "contact.share_received"
    CONTACT_HANDOFF_RECEIVED = "contact.handoff_received"
    BROADCAST_COMPLETED = "broadcast.completed"
    CAP_REACHED = "cap.reached"
    DOMAIN_VERIFIED = "domain.verified"
    TOKEN_CREATED = "token.created"  # noqa: S105  a name of an event
    TOKEN_ROTATED = "token.rotated"  # noqa: S105  a name of an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105  a name of an event
    WEBHOOK_DISABLED = "webhook.disabled"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_APPROVED = "approval.approved"
    APPROVAL_REJECTED = "approval.rejected"
    APPROVAL_EXPIRED = "approval.expired"
    EVENT_CREATED = "event.created"
    EVENT_UPDATED = "event.updated"
    EVENT_CANCELLED = "event.cancelled"


RECEIVED = frozenset({EventType.MESSAGE_RECEIVED, EventType.MESSAGE_RECEIVED_SPAM, EventType.MESSAGE_RECEIVED_BLOCKED})


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the event log. `body` is plain JSON data; `inbox_id` is 0 where the whole tenant is concerned."""

    id: int
    tenant_id: int
    inbox_id: int
    type: EventType
    occurred_at: int
    body: dict[str, Any]
