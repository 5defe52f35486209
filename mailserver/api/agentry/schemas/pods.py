"""Shapes of the pods page."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.agentry.schemas.messages import Shape, Short


class ListPods(Shape):
    """What part of the list."""

    limit: int = Field(50, ge=1, le=200, description="How many pods at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")
    ascending: bool = Field(False, description="Oldest first.")


class CreatePod(Shape):
    """A pod to make."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        None, description="A name of the client's own, by which it is made once."
    )


class PodShown(Shape):
    """A pod."""

    pod_id: str
    name: str
    updated_at: str
    created_at: str
    client_id: str | None = None


class PodList(Shape):
    """A page of pods."""

    count: int
    limit: int
    next_page_token: str | None = None
    pods: list[PodShown]
