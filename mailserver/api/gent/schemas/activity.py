"""Shapes of the activity and relationships pages."""

from typing import Any

from pydantic import Field

from mailserver.api.gent.schemas.messages import Shape, Short


class ListActivity(Shape):
    """Whose timeline: one of contact_id and address is required."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    contact_id: Short | None = None
    address: Short | None = Field(None, description="For somebody who is no contact.")
    since: Short | None = Field(None, description="Only what happened then or later.")
    cursor: Short | None = Field(None, description="That of the page before.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class PersonShown(Shape):
    """Somebody who took part."""

    email: str
    name: str | None


class ActivityShown(Shape):
    """Something that happened with a contact; what `metadata` has depends on the type."""

    id: str
    inbox_id: str
    contact_address: str
    contact_id: str | None
    type: str
    resource_id: str
    participants: list[PersonShown]
    summary: str
    occurred_at: str
    metadata: dict[str, Any]


class ActivityList(Shape):
    """A page of a timeline, newest first; the cursor of the last one is null."""

    events: list[ActivityShown]
    cursor: str | None


class AskRelationships(Shape):
    """Which graph."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    limit: int = Field(200, ge=1, le=200, description="How many relationships, the strongest first.")


class NodeShown(Shape):
    """The inbox, a contact, or an address that no contact has; its `id` is that one's or the address."""

    id: str
    kind: str = Field(description="inbox, contact or address.")
    contact_id: str | None
    address: str
    name: str | None


class EdgeShown(Shape):
    """What is between two nodes. Strengths go from 0 to 1 and fade by half in 90 days without a message."""

    source: str
    target: str
    outbound_strength: float = Field(description="Of what source wrote to target.")
    inbound_strength: float = Field(description="Of what target wrote to source.")
    outbound_count: int
    inbound_count: int
    last_contact_at: str


class GraphShown(Shape):
    """Who has to do with whom. Between two contacts an edge stands for the messages that both were on."""

    nodes: list[NodeShown]
    edges: list[EdgeShown]
