"""Shapes of the audit page."""

from typing import Any

from pydantic import Field

from mailserver.api.gent.schemas.messages import Shape, Short


class ListAudit(Shape):
    """Which lines."""

    after: Short | None = Field(None, description="Only what was done since.")
    actor: Short | None = Field(None, description="The id of who did it.")
    type: Short | None = Field(None, description="What was done, such as token.created.")
    cursor: Short | None = Field(None, description="Where the page before ended.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class EntryShown(Shape):
    """Who did what."""

    audit_id: str
    occurred_at: str
    actor: str
    actor_kind: str
    type: str
    object_id: str
    inbox_id: str | None
    detail: dict[str, Any]


class AuditList(Shape):
    """Lines of the audit log, the newest first."""

    results: list[EntryShown]
    cursor: str | None


class InboxUsage(Shape):
    """What one inbox holds and sends."""

    inbox_id: str
    address: str
    storage_used: int
    messages: int
    sent_day: int
    sent_month: int


class Usage(Shape):
    """What a tenant holds and sends. A day is the last 24 hours, a month the last 30 days."""

    plan: str
    storage_used: int
    messages: int
    sent_day: int
    sent_month: int
    inboxes: list[InboxUsage]
