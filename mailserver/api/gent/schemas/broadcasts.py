"""Shapes of the messages page: broadcasts."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import OfInbox, Shape, Short

Body = Annotated[str, StringConstraints(max_length=500_000)]


class SendBroadcast(Shape):
    """A message to everybody who has a label."""

    label_id: Short = Field(description="A label for contacts, or for anything.")
    subject: Short | None = None
    text_body: Body | None = Field(None, description="At least one of text_body and html_body is required.")
    html_body: Body | None = Field(None, description="At least one of text_body and html_body is required.")
    inbox_id: Short | None = Field(None, description="For session logins: the inbox to send from.")


class BroadcastQueued(Shape):
    """The broadcast that was asked for."""

    queued: bool
    broadcast_id: str
    label_id: str
    label_name: str


class BroadcastHeld(Shape):
    """The same, where somebody has to approve first."""

    queued: bool
    approval_id: str


class BroadcastShown(Shape):
    """A broadcast and what became of it."""

    broadcast_id: str
    label_id: str
    subject: str
    status: str = Field(description="queued, sending, paused, completed or cancelled.")
    sent_count: int
    suppressed_count: int
    delivered_count: int
    bounced_count: int
    spam_complaint_count: int
    open_count: int = Field(description="How often the picture was asked for; 0 without HTML.")
    click_count: int = Field(description="How often links were followed; 0 without HTML.")
    created_at: str
    updated_at: str


class ListBroadcasts(OfInbox):
    """What to list."""

    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class BroadcastList(Shape):
    """A page of broadcasts."""

    results: list[BroadcastShown]
    total: int
    position: int
    limit: int
