"""Frames of the websocket."""

from typing import Literal

from pydantic import Field

from mailserver.api.agentry.schemas.messages import Names, Shape, Short


class Subscribe(Shape):
    """What somebody wants to hear of from now on."""

    type: Literal["subscribe"]
    event_types: Names | None = None
    inbox_ids: Names | None = None
    pod_ids: Names | None = None
    last_event_id: Short | None = Field(None, description="Tell what came behind this event first; once a socket.")


class Subscribed(Shape):
    """The answer: what was asked for."""

    type: Literal["subscribed"] = "subscribed"
    event_types: list[str] | None = None
    inbox_ids: list[str] | None = None
    pod_ids: list[str] | None = None


class Problem(Shape):
    """A frame that could not be used."""

    type: Literal["error"] = "error"
    name: str
    message: str = Field(max_length=2000)
