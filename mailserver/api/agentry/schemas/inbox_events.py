"""Shapes of the inbox events page."""

from pydantic import Field

from mailserver.api.agentry.schemas.messages import Shape, Short


class ListInboxEvents(Shape):
    """What events to list."""

    limit: int = Field(50, ge=1, le=200, description="How many events at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")
    ascending: bool = Field(False, description="Oldest first.")


class InboxEventShown(Shape):
    """A label that was put on a message or taken off it."""

    organization_id: str
    pod_id: str
    inbox_id: str
    event_id: str
    event_type: str
    message_id: str
    label: str
    event_at: str
    created_at: str


class InboxEventList(Shape):
    """A page of events."""

    count: int
    limit: int
    next_page_token: str | None = None
    events: list[InboxEventShown]
