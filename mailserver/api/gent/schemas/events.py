"""Shapes of the events page."""

from typing import Any

from pydantic import Field

from mailserver.api.gent.schemas.messages import Shape, Short


class ListEvents(Shape):
    """Which events."""

    inbox_id: Short | None = Field(None, description="For session logins; left out for all that one may see.")
    type: Short | None = Field(None, description="Such as message.received.")
    after: Short | None = Field(None, description="Only what happened since.")
    before: Short | None = Field(None, description="Only what happened until then.")
    cursor: Short | None = Field(None, description="Where the page before ended.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class EventShown(Shape):
    """Something that happened, as webhooks are told of it."""

    event_id: str
    type: str
    inbox_id: str | None
    occurred_at: str
    data: dict[str, Any]


class EventList(Shape):
    """Some events, the newest first."""

    results: list[EventShown]
    cursor: str | None


class CallShown(Shape):
    """An endpoint."""

    method: str
    path: str


class FieldShown(Shape):
    """A field of an event."""

    name: str
    type: str
    description: str


class BuilderShown(Shape):
    """How a form groups the types."""

    group_field: str
    value_field: str


class EventTypeShown(Shape):
    """A type of event."""

    type: str
    category: str
    description: str
    config: list[str]
    offset_units: list[str]
    admin: bool


class EventReference(Shape):
    """What a form that chooses events is built from."""

    version: str
    resource: str
    payload: dict[str, CallShown]
    fields: list[FieldShown]
    builder: BuilderShown
    events: list[EventTypeShown]
    categories: dict[str, list[str]]


class EventCounts(Shape):
    """How many there are."""

    events: int
    categories: int


class EventTypes(Shape):
    """The types of event."""

    resource: str
    events: list[EventTypeShown]
    categories: dict[str, list[str]]
    counts: EventCounts
