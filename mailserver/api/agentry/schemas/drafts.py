"""Shapes of the drafts page."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.agentry.schemas.messages import Addresses, AttachmentShown, Body, Labels, Names, Shape, Short, Text
from mailserver.api.agentry.schemas.sending import Files


class ListDrafts(Shape):
    """What drafts to list; times are those of the last change."""

    limit: int = Field(50, ge=1, le=200, description="How many drafts at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")
    labels: Labels | None = Field(None, description="Labels that a draft must all have.")
    before: Short | None = Field(None, description="Only drafts before this time.")
    after: Short | None = Field(None, description="Only drafts after this time.")
    ascending: bool = Field(False, description="Oldest first.")


class CreateDraft(Body):
    """A draft to keep."""

    labels: Names = Field(default_factory=list)
    reply_to: Addresses | None = None
    to: Addresses | None = None
    cc: Addresses | None = None
    bcc: Addresses | None = None
    subject: Short | None = None
    text: Text | None = None
    html: Text | None = None
    attachments: Files = Field(default_factory=list)
    in_reply_to: Short | None = Field(None, description="The message that it answers.")
    forward_of: Short | None = Field(None, description="The message that it forwards.")
    reply_all: bool = Field(False, description="Answer to all recipients of the original.")
    send_at: Short | None = Field(None, description="When it is sent by itself.")
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None


class UpdateDraft(Body):
    """What is to be different."""

    reply_to: Addresses | None = None
    to: Addresses | None = None
    cc: Addresses | None = None
    bcc: Addresses | None = None
    subject: Short | None = None
    text: Text | None = None
    html: Text | None = None
    add_attachments: Files = Field(default_factory=list)
    remove_attachments: Names | None = None
    add_labels: Names | None = None
    remove_labels: Names | None = None
    send_at: Short | None = Field(None, description="When it is sent by itself; null for no time.")


class SendDraft(Body):
    """Labels that the sent message gets besides the draft's, or does not get."""

    add_labels: Names | None = None
    remove_labels: Names | None = None


class DraftItem(Shape):
    """A draft in a list."""

    inbox_id: str
    draft_id: str
    labels: list[str]
    to: list[str] | None = None
    cc: list[str] | None = None
    bcc: list[str] | None = None
    subject: str | None = None
    preview: str | None = None
    attachments: list[AttachmentShown] | None = None
    in_reply_to: str | None = None
    forward_of: str | None = None
    send_status: str | None = None
    send_at: str | None = None
    updated_at: str


class DraftShown(Shape):
    """One draft."""

    inbox_id: str
    draft_id: str
    client_id: str | None = None
    labels: list[str]
    reply_to: list[str] | None = None
    to: list[str] | None = None
    cc: list[str] | None = None
    bcc: list[str] | None = None
    subject: str | None = None
    preview: str | None = None
    text: str | None = None
    html: str | None = None
    attachments: list[AttachmentShown] | None = None
    in_reply_to: str | None = None
    forward_of: str | None = None
    references: list[str] | None = None
    send_status: str | None = None
    send_at: str | None = None
    updated_at: str
    created_at: str


class DraftList(Shape):
    """A page of drafts."""

    count: int
    limit: int
    next_page_token: str | None = None
    drafts: list[DraftItem]
