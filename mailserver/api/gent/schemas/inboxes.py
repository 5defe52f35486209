"""Shapes of the inboxes page."""

from typing import Literal

from pydantic import Field

from mailserver.api.gent.schemas.messages import Shape, Short, Text
from mailserver.api.gent.schemas.webhooks import Types, Url


class ListInboxes(Shape):
    """Which part of the list."""

    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class CreateInbox(Shape):
    """An inbox to make."""

    address: Short = Field(description="An address on a verified domain of yours.")
    display_name: Short | None = None


class ChangeInbox(Shape):
    """What is to be different of an inbox."""

    display_name: Short | None = Field(None, description="An empty text takes it away.")
    status: Literal["active", "paused"] | None = Field(
        None, description="A paused inbox keeps its mail, takes none and sends none."
    )


class CloseInbox(Shape):
    """How an inbox is taken away."""

    force: bool = Field(False, description="Drop mail that is on its way.")
    purge: bool = Field(False, description="Answer only when all its mail is gone.")


class InboxShown(Shape):
    """An inbox. Agents see how much only their own one holds."""

    inbox_id: str
    address: str
    display_name: str | None
    status: str
    default_timezone: str | None
    owner_user_id: str | None
    storage_used: int | None
    message_count: int | None
    created_at: str


class InboxList(Shape):
    """Some inboxes, oldest first."""

    results: list[InboxShown]
    total: int
    position: int
    limit: int


class ChangeSettings(Shape):
    """What is to be different; null takes a value away, what is left out stays."""

    default_timezone: Short | None = Field(None, description="An IANA zone; null for UTC.")
    webhook_url: Url | None = Field(None, description="Where events of this inbox are posted to; null for nowhere.")
    webhook_events: Types | None = Field(None, description="Types such as message.received; an empty list for all.")
    webhook_secret: Short | None = Field(None, description="whsec_ and base 64; needed at first, never shown.")
    signature_text: Text | None = Field(None, max_length=20_000)
    signature_html: Text | None = Field(None, max_length=100_000)
    retention_days: int | None = Field(None, ge=1, le=36_500, description="Older mail is deleted; null keeps all.")
    smtp_password: Short | None = Field(None, description="Another password for mail programs; never shown.")


class SettingsShown(Shape):
    """What an inbox's owner has chosen."""

    inbox_id: str
    default_timezone: str | None
    webhook_url: str | None
    webhook_events: list[str]
    signature_text: str | None
    signature_html: str | None
    retention_days: int | None
