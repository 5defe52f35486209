"""Shapes of the messages page."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(max_length=10_000_000)]
Short = Annotated[str, StringConstraints(max_length=1000)]
Base64 = Annotated[str, StringConstraints(max_length=40_000_000)]


class Shape(BaseModel):
    """Unknown fields are errors; numbers are finite."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, allow_inf_nan=False, serialize_by_alias=True)


class Body(Shape):
    """What somebody sends: clients write null for what they leave out, also where null means nothing."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        fields = cls.model_fields
        return {
            name: each
            for name, each in value.items()
            if each is not None or name not in fields or fields[name].default is None
        }


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
Names = Annotated[list[Short], BeforeValidator(_addresses), Field(max_length=50)]
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
    # AgentMail leaves these out unless they are asked for. Much honest mail has neither SPF nor DKIM, and what nobody
    # sees is lost, so here they stand in every list, with their label, unless a client does not want them.
    include_unauthenticated: bool = Field(True, description="Items too whose sender could not be made sure of.")
    include_trash: bool = Field(False, description="Trash too.")


class ListMessages(ListShape):
    """What messages to list."""

    inbox_id: Short | None = Field(None, description="Only messages of this inbox.")


class ListInboxMessages(ListShape):
    """What messages of an inbox to list."""

    sender: Labels | None = Field(None, alias="from", description="Texts that the sender must all contain.")
    to: Labels | None = Field(None, description="Texts that the recipients must all contain.")
    subject: Labels | None = Field(None, description="Texts that the subject must all contain.")
    direction: Literal["inbound", "outbound"] | None = Field(None, description="Only what came in, or went out.")


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


class AttachmentLink(AttachmentShown):
    """An attachment, and where it can be fetched without a login, until when."""

    download_url: str
    expires_at: str


class ChangeLabels(Shape):
    """Labels to put on and to take off: a label or a list of labels."""

    add_labels: Names | None = Field(None, description="Label or list of labels.")
    remove_labels: Names | None = Field(None, description="Label or list of labels.")


class LabelsChanged(Shape):
    """The labels of a message as they are now."""

    message_id: str
    labels: list[str]


class BatchGet(Shape):
    """Which messages to get."""

    message_ids: list[Short] = Field(min_length=1, max_length=50)


class BatchUpdate(ChangeLabels):
    """Which messages get and lose which labels."""

    message_ids: list[Short] = Field(min_length=1, max_length=50)


class BatchGot(Shape):
    """The messages that there are, of those that were asked for."""

    limit: int = Field(description="How many were asked for.")
    count: int
    messages: list[MessageShown]


class BatchUpdated(Shape):
    """The messages that there are, of those that were named, with their labels."""

    limit: int = Field(description="How many were named.")
    count: int
    updates: list[LabelsChanged]
