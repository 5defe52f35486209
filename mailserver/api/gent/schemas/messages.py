"""Shapes of the messages page."""

from typing import Annotated, NotRequired

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

Text = Annotated[str, StringConstraints(max_length=10_000_000)]
Short = Annotated[str, StringConstraints(max_length=1000)]


class Shape(BaseModel):
    """Unknown fields are errors; numbers are finite."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, allow_inf_nan=False, serialize_by_alias=True)


class Recipient(Shape):
    """A person to write to."""

    email: Short
    name: Short | None = None


class AttachedBlob(Shape):
    """A file to attach: of an upload, or of a received message."""

    blob_id: Short


class SendMessage(Shape):
    """A message to send; with `reply_to_message_id` recipients and subject are derived."""

    reply_to_message_id: Short | None = Field(None, description="The message to answer, by its id or its Message-ID.")
    subject: Short | None = Field(None, description="Derived from the original on a reply.")
    to: list[Recipient] = Field(default_factory=list, max_length=1000, description="Required unless replying.")
    cc: list[Recipient] = Field(default_factory=list, max_length=1000)
    bcc: list[Recipient] = Field(default_factory=list, max_length=1000)
    reply_to: list[Recipient] = Field(default_factory=list, max_length=100)
    text_body: Text | None = Field(None, description="At least one of text_body and html_body is required.")
    html_body: Text | None = Field(None, description="At least one of text_body and html_body is required.")
    attachments: list[AttachedBlob] = Field(default_factory=list, max_length=100)
    inbox_id: Short | None = Field(None, description="For session logins: the inbox to send from.")


class Sent(Shape):
    """The message that was stored and queued."""

    message_id: str
    thread_id: str


class SentExceptTo(Sent):
    """The same, where some recipients get nothing because their addresses are suppressed."""

    suppressed: list[str] | None = Field(None, exclude_if=lambda value: value is None)


class ListMessages(Shape):
    """What to list."""

    q: Annotated[str, StringConstraints(max_length=1024)] | None = Field(
        None, description="Full-text search; overrides the other filters."
    )
    folder: Short | None = Field(None, description="A role such as inbox, or a custom folder's name.")
    mailbox_id: Short | None = Field(None, description="A folder's id.")
    after: Short | None = Field(
        None, description="Only newer messages; a time without offset is the inbox's local one."
    )
    before: Short | None = Field(None, description="Only older messages.")
    unread: bool | None = None
    starred: bool | None = None
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")
    inbox_id: Short | None = Field(None, description="For session logins: the inbox to look into.")


class OfInbox(Shape):
    """Which inbox is meant, where the login is not bound to one."""

    inbox_id: Short | None = Field(None, description="For session logins.")


class PersonShown(TypedDict):
    """A person in a header field; the name is left out where there is none."""

    email: str
    name: NotRequired[str]


class Flags(TypedDict):
    """What its reader has done with a message."""

    read: bool
    starred: bool


class LabelSuggestion(Shape):
    """A label that may fit."""

    label_id: str
    label_name: str
    confidence: float


class EventSuggestion(Shape):
    """An appointment that the message speaks of."""

    title: str
    start: str
    duration: str
    location: str | None
    description: str | None
    participants: list[PersonShown]


# A dictionary, not a model: a page has fifty of them, and `from` is no name for an attribute.
MessageRow = TypedDict(
    "MessageRow",
    {
        "id": str,
        "thread_id": str,
        "from": list[PersonShown],
        "to": list[PersonShown],
        "subject": str,
        "received_at": str,
        "size": int,
        "flags": Flags,
        "label_suggestions": list[LabelSuggestion],
        "event_suggestion": EventSuggestion | None,
    },
)
MessageRow.__doc__ = "A message in a list."


class MessageList(Shape):
    """A page of messages."""

    results: list[MessageRow]
    total: int
    position: int
    limit: int


class AttachmentShown(Shape):
    """An attachment of a message; its blob can be downloaded, and attached again."""

    blob_id: str
    name: str | None
    type: str
    size: int


class MessageShown(Shape):
    """One message with its bodies."""

    id: str
    thread_id: str
    sender: list[PersonShown] = Field(alias="from")
    to: list[PersonShown]
    subject: str
    text_body: str | None
    html_body: str | None
    attachments: list[AttachmentShown]
    received_at: str
    size: int
    flags: Flags
    label_suggestions: list[LabelSuggestion]
    event_suggestion: EventSuggestion | None


class UpdateMessage(Shape):
    """What to change; all optional."""

    mark_read: bool | None = Field(None, description="Mark as read or unread.")
    mark_starred: bool | None = Field(None, description="Star or unstar.")
    mailbox_id: Short | None = Field(None, description="Move to this folder.")
    inbox_id: Short | None = Field(None, description="For session logins.")


class ThreadShown(Shape):
    """A thread's messages, oldest first."""

    id: str
    email_ids: list[str]


class FolderShown(Shape):
    """A folder with its counts."""

    id: str
    name: str
    role: str | None
    parent_id: str | None = Field(alias="parentId")
    total_emails: int = Field(alias="totalEmails")
    unread_emails: int = Field(alias="unreadEmails")


class CreateFolder(Shape):
    """A folder to make."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    name: Short
    parent_id: Short | None = Field(None, alias="parentId", description="The folder that it lies in; none is the top.")


class ChangeFolder(Shape):
    """What is to be different."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    name: Short | None = None
    parent_id: Short | None = Field(None, alias="parentId", description="null puts it at the top.")


class RemoveFolder(OfInbox):
    """What becomes of the mail in it."""

    force: bool = Field(False, description="Move its mail to Trash.")


class Uploaded(Shape):
    """A file that can be attached within seven days."""

    blob_id: str
    type: str
    size: int


class Suppressed(Shape):
    """An address that gets no mail from the inbox."""

    address: str
    source: str
    reason: str
    suppressed_at: str


class RemoveSuppression(Shape):
    """The address to write to again."""

    address: Short | None = None
    inbox_id: Short | None = Field(None, description="For session logins.")
