"""Shapes of tickets, and of threads that begin beside others."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import Recipient, SentExceptTo, Shape, Short, Text
from mailserver.entities.ticket import LinkKind, TicketPriority, TicketStatus

Key = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Wording = Annotated[str, StringConstraints(max_length=20_000)]


class ListTickets(Shape):
    """Which tickets."""

    ticket: bool | None = Field(None, description="Required: set to true, as only threads with a ticket are listed.")
    status: TicketStatus | None = None
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")
    inbox_id: Short | None = Field(None, description="For session logins.")


class TicketRow(Shape):
    """A thread with a ticket in a list."""

    thread_id: str
    status: TicketStatus
    priority: TicketPriority
    class_label_key: str | None


class TicketList(Shape):
    """Threads with a ticket, those that changed last first."""

    results: list[TicketRow]
    total: int
    limit: int


class TicketShown(TicketRow):
    """The ticket of a thread."""

    assignee_inbox_id: str | None
    due_at: str | None
    reopen_count: int
    opened_at: str
    updated_at: str
    resolved_at: str | None
    closed_at: str | None
    reopened_at: str | None


class PutTicket(Shape):
    """A ticket to open, or what is to be different of the one that is there."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    class_label_key: Key | None = Field(None, description="A label of the team, such as ticket/class/billing.")
    priority: TicketPriority | None = Field(None, description="normal where nothing is said.")
    assignee_inbox_id: Short | None = Field(None, description="A teammate's inbox, by id or address; gets a task.")
    due_at: Short | None = Field(None, description="ISO 8601, or words such as 'next Monday'.")


class ChangeTicket(PutTicket):
    """What is to be different of a ticket; null takes class, assignee or due date away."""

    status: TicketStatus | None = Field(
        None, description="open, pending_sender or pending_internal; the others have endpoints of their own."
    )


class EndTicket(Shape):
    """What the team is to know; may be left out."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    resolution_note: Wording | None = Field(None, description="Becomes a note on the thread.")


class ReopenTicket(Shape):
    """Why; may be left out."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    reason: Annotated[str, StringConstraints(max_length=1_000)] | None = Field(
        None, description="Told in the event, and kept nowhere else."
    )


class LabelGroup(Shape):
    """Labels that tickets have to do with; those of the system are kept by what tickets do."""

    group: str
    key_prefix: str
    description: str
    keys: list[str]
    system: bool


class TicketReference(Shape):
    """What a form for tickets is made of."""

    resource: str
    label_groups: list[LabelGroup]
    statuses: list[TicketStatus]
    priorities: list[TicketPriority]
    class_config: dict[str, Any]
    endpoints: dict[str, Any]


class LinkShown(Shape):
    """A thread that another one has to do with."""

    thread_id: str
    kind: LinkKind
    subject: str
    created_at: str


class LinkList(Shape):
    """The threads that a thread has to do with, oldest link first."""

    results: list[LinkShown]


class NewTicket(Shape):
    """The ticket of a thread that begins."""

    class_label_key: Key | None = Field(None, description="A label of the team, such as ticket/class/billing.")
    priority: TicketPriority | None = None


class ForkThread(Shape):
    """The message that begins a thread beside another one."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    to: list[Recipient] = Field(min_length=1, max_length=1000)
    subject: Short | None = Field(None, description="That of the thread where nothing is said.")
    text_body: Text | None = Field(None, description="At least one of text_body and html_body is required.")
    html_body: Text | None = Field(None, description="At least one of text_body and html_body is required.")
    note: Wording | None = Field(None, description="For the team, on the thread that it begins beside.")
    ticket: NewTicket | None = Field(None, description="Opens a ticket on the new thread.")


class Forked(SentExceptTo):
    """The message that was stored and queued, in a thread of its own."""

    forked_from: str = Field(description="The thread that it began beside.")
    ticket: TicketShown | None
