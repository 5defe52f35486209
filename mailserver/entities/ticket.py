"""Ticket: what a team has to do about a thread, and the one place that knows which status may follow which."""

from dataclasses import dataclass
from enum import StrEnum

CLASS_KEYS = "ticket/class/"  # what the labels are called that say which class a ticket is of
STATUS_KEYS = "ticket/status/"
PRIORITY_KEYS = "ticket/priority/"


class TicketStatus(StrEnum):
    """Whose turn it is, or that it is over."""

    OPEN = "open"
    PENDING_SENDER = "pending_sender"
    PENDING_INTERNAL = "pending_internal"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def is_final(self) -> bool:
        """Whether nobody has to do anything."""
        return self in (TicketStatus.RESOLVED, TicketStatus.CLOSED)


class TicketPriority(StrEnum):
    """How much it presses."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Step(StrEnum):
    """What can happen to a ticket besides being changed by hand."""

    RECEIVED = "received"  # a person outside has written
    SENT = "sent"  # the inbox has written
    RESOLVE = "resolve"
    CLOSE = "close"
    REOPEN = "reopen"


class Cause(StrEnum):
    """What changed a ticket."""

    REQUEST = "request"
    MAIL = "mail"
    LABEL = "label"
    RULE = "rule"


_OPEN, _SENDER, _INTERNAL = TicketStatus.OPEN, TicketStatus.PENDING_SENDER, TicketStatus.PENDING_INTERNAL
_RESOLVED, _CLOSED = TicketStatus.RESOLVED, TicketStatus.CLOSED
_AFTER: dict[Step, dict[TicketStatus, TicketStatus]] = {
    Step.RECEIVED: {
        _OPEN: _OPEN, _SENDER: _OPEN, _INTERNAL: _INTERNAL, _RESOLVED: _OPEN, _CLOSED: _CLOSED,
    },
    Step.SENT: {
        _OPEN: _SENDER, _SENDER: _SENDER, _INTERNAL: _INTERNAL, _RESOLVED: _RESOLVED, _CLOSED: _CLOSED,
    },
    Step.RESOLVE: {_OPEN: _RESOLVED, _SENDER: _RESOLVED, _INTERNAL: _RESOLVED, _RESOLVED: _RESOLVED},
    Step.CLOSE: dict.fromkeys(TicketStatus, _CLOSED),
    Step.REOPEN: {_OPEN: _OPEN, _SENDER: _SENDER, _INTERNAL: _INTERNAL, _RESOLVED: _OPEN, _CLOSED: _OPEN},
}  # fmt: skip


def after(status: TicketStatus, step: Step) -> TicketStatus | None:
    """The status after a step; None where there is no such step from here.

    An answer from outside opens what was resolved again: the matter was not settled. It leaves what was closed alone:
    closing is the team's last word, thanks and afterthoughts do not bring a ticket back, and a separate request that
    comes in the same thread is reopened or forked by somebody who has read it. While the team waits for itself neither
    an answer nor an interim reply ends that. A step to where a ticket is already is allowed, so that a request may be
    repeated; what is closed has to be reopened before it can be resolved.
    """
    return _AFTER[step].get(status)


def may_be_set(status: TicketStatus, wanted: TicketStatus) -> bool:
    """Whether a status may be set by hand: among those of work that goes on. The others have steps of their own."""
    return status is wanted or not (status.is_final or wanted.is_final)


@dataclass(frozen=True, slots=True)
class Ticket:
    """The ticket of a thread; it has the thread's id."""

    thread_id: int
    tenant_id: int
    inbox_id: int
    status: TicketStatus
    priority: TicketPriority
    class_label_id: int | None
    class_label_key: str | None
    assignee_inbox_id: int | None
    due_at: int | None
    reopen_count: int
    opened_at: int
    updated_at: int
    resolved_at: int | None = None
    closed_at: int | None = None
    reopened_at: int | None = None


@dataclass(frozen=True, slots=True)
class TicketChange:
    """What is to be different; None leaves a field as it is, and `clears` names fields that are to have no value."""

    status: TicketStatus | None = None
    priority: TicketPriority | None = None
    class_label_key: str | None = None
    assignee_inbox_id: int | None = None
    due_at: int | None = None
    clears: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fork:
    """A thread that begins beside another one: which, what the team is to know there, and the ticket of the new one."""

    thread_id: int
    note: str | None = None
    ticket: TicketChange | None = None
    user_id: int | None = None  # who wants it; None for an agent


class LinkKind(StrEnum):
    """What another thread is to this one."""

    FORKED_FROM = "forked_from"
    FORKED_TO = "forked_to"


@dataclass(frozen=True, slots=True)
class ThreadLink:
    """Another thread that this one has to do with."""

    thread_id: int
    kind: LinkKind
    subject: str
    created_at: int
