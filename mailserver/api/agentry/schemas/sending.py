"""Shapes of what is sent: new messages, answers and forwards."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.agentry.schemas.messages import Addresses, Base64, Body, Names, Shape, Short, Text


class AttachedFile(Body):
    """A file to attach, by its content or by a URL."""

    filename: Short | None = None
    content_type: Short | None = None
    content_disposition: Annotated[str, StringConstraints(pattern="^(inline|attachment)$")] | None = None
    content_id: Short | None = None
    content: Base64 | None = Field(None, description="Base 64.")
    url: Annotated[str, StringConstraints(max_length=2048)] | None = Field(
        None, description="From where the server fetches it, instead of the content."
    )


Files = Annotated[list[AttachedFile], Field(max_length=100)]


class Letter(Body):
    """What everything that is sent may say."""

    labels: Names = Field(default_factory=list)
    reply_to: Addresses | None = None
    text: Text | None = None
    html: Text | None = None
    attachments: Files = Field(default_factory=list)
    headers: dict[Short, Short] = Field(default_factory=dict, max_length=50)
    track_opens: bool | None = Field(None, description="Accepted for other servers' clients; opens are not counted.")


class ReplyAllToMessage(Letter):
    """An answer to everybody."""


class ReplyToMessage(Letter):
    """An answer; recipients are derived where `to` is left out."""

    to: Addresses | None = None
    cc: Addresses | None = None
    bcc: Addresses | None = None
    reply_all: bool = Field(False, description="Answer to all recipients of the original.")


class SendMessage(Letter):
    """A new message, or what goes with a forwarded one."""

    to: Addresses | None = None
    cc: Addresses | None = None
    bcc: Addresses | None = None
    subject: Short | None = None


class Sent(Shape):
    """The message that was stored and queued."""

    message_id: str
    thread_id: str
