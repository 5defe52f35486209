"""Shapes of the messages and threads pages."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(max_length=10_000_000)]
Short = Annotated[str, StringConstraints(max_length=1000)]
Base64 = Annotated[str, StringConstraints(max_length=40_000_000)]


class Shape(BaseModel):
    """Unknown fields are errors; numbers are finite."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, allow_inf_nan=False, serialize_by_alias=True)


def _listed(value: Any) -> Any:
    """A list as clients write it: JSON in one parameter, a repeated parameter, or commas."""
    if isinstance(value, str):
        if value.startswith("["):
            try:
                return json.loads(value)
            except ValueError:
                return [value]
        return [part for part in value.split(",") if part]
    return value


def _addresses(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Labels = Annotated[list[Short], BeforeValidator(_listed), Field(max_length=50)]
Addresses = Annotated[list[Short], BeforeValidator(_addresses), Field(max_length=1000)]


class ListShape(Shape):
    """What to list."""

    limit: int = Field(50, ge=1, le=200, description="How many items at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")
    labels: Labels | None = Field(None, description="Labels that an item must all have.")
    before: Short | None = Field(None, description="Only items before this time.")
    after: Short | None = Field(None, description="Only items after this time.")
    ascending: bool = Field(False, description="Oldest first.")
    include_spam: bool = Field(False, description="Spam too.")
    include_blocked: bool = Field(False, description="Blocked items too.")
    include_trash: bool = Field(False, description="Trash too.")


class ListMessages(ListShape):
    """What messages to list."""

    inbox_id: Short | None = Field(None, description="Only messages of this inbox.")


class AttachmentShown(Shape):
    """An attachment as lists and messages show it."""

    attachment_id: str
    filename: str | None = None
    size: int
    content_type: str | None = None
    content_disposition: str | None = None
    content_id: str | None = None


class MessageItem(Shape):
    """A message in a list."""

    inbox_id: str
    thread_id: str
    message_id: str
    labels: list[str]
    timestamp: str
    sender: str = Field(alias="from")
    to: list[str]
    cc: list[str] | None = None
    bcc: list[str] | None = None
    subject: str | None = None
    preview: str | None = None
    attachments: list[AttachmentShown] | None = None
    in_reply_to: str | None = None
    references: list[str] | None = None
    headers: dict[str, str] | None = None
    size: int
    updated_at: str
    created_at: str


class MessageShown(Shape):
    """One message."""

    inbox_id: str
    thread_id: str
    message_id: str
    labels: list[str]
    timestamp: str
    sender: str = Field(alias="from")
    reply_to: list[str] | None = None
    to: list[str]
    cc: list[str] | None = None
    bcc: list[str] | None = None
    subject: str | None = None
    preview: str | None = None
    text: str | None = None
    html: str | None = None
    extracted_text: str | None = None
    extracted_html: str | None = None
    attachments: list[AttachmentShown] | None = None
    in_reply_to: str | None = None
    references: list[str] | None = None
    headers: dict[str, str] | None = None
    size: int
    updated_at: str
    created_at: str


class MessageList(Shape):
    """A page of messages."""

    count: int
    limit: int
    next_page_token: str | None = None
    messages: list[MessageItem]


class RawMessage(Shape):
    """Where the whole message can be fetched without a login, until when."""

    message_id: str
    size: int
    download_url: str
    expires_at: str


class AttachedFile(Shape):
    """A file to attach, by its content."""

    filename: Short | None = None
    content_type: Short | None = None
    content_disposition: Annotated[str, StringConstraints(pattern="^(inline|attachment)$")] | None = None
    content_id: Short | None = None
    content: Base64 | None = Field(None, description="Base 64.")
    url: Short | None = Field(None, description="Not served by this version: send the content.")


class ReplyToMessage(Shape):
    """An answer; recipients are derived where `to` is left out."""

    to: Addresses | None = None
    cc: Addresses | None = None
    bcc: Addresses | None = None
    reply_to: Addresses | None = None
    reply_all: bool = Field(False, description="Answer to all recipients of the original.")
    text: Text | None = None
    html: Text | None = None
    attachments: list[AttachedFile] = Field(default_factory=list, max_length=100)
    headers: dict[Short, Short] = Field(default_factory=dict, max_length=50)
    labels: Labels = Field(default_factory=list)


class Sent(Shape):
    """The message that was stored and queued."""

    message_id: str
    thread_id: str


class ThreadItem(Shape):
    """A thread in a list."""

    inbox_id: str
    thread_id: str
    labels: list[str]
    timestamp: str
    received_timestamp: str | None = None
    sent_timestamp: str | None = None
    senders: list[str]
    recipients: list[str]
    subject: str | None = None
    preview: str | None = None
    attachments: list[AttachmentShown] | None = None
    last_message_id: str
    message_count: int
    size: int
    updated_at: str
    created_at: str


class ThreadList(Shape):
    """A page of threads."""

    count: int
    limit: int
    next_page_token: str | None = None
    threads: list[ThreadItem]


class ThreadShown(ThreadItem):
    """One thread with its messages, oldest first."""

    messages: list[MessageShown]
