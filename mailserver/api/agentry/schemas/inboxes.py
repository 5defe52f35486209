"""Shapes of the inboxes page."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StringConstraints

from mailserver.api.agentry.schemas.messages import Shape, Short

Query = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Note = StrictBool | StrictInt | StrictFloat | Annotated[str, StringConstraints(max_length=500)]
Status = Literal["active", "paused"]


class ListInboxes(Shape):
    """What part of the list."""

    limit: int = Field(50, ge=1, le=200, description="How many inboxes at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")
    ascending: bool = Field(False, description="Oldest first.")


class SearchInboxes(Shape):
    """What to look for."""

    q: Query = Field(description="What stands in the address or the name.")
    limit: int = Field(50, ge=1, le=100, description="How many inboxes at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")


class CreateInbox(Shape):
    """An inbox to make; what is left out is chosen."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    domain: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    display_name: Short | None = None
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    status: Status | None = None
    metadata: dict[Short, Note] | None = Field(None, max_length=50)


class UpdateInbox(Shape):
    """What is to be different; a note of null is taken away."""

    display_name: Short | None = None
    status: Status | None = None
    metadata: dict[Short, Note | None] | None = Field(None, max_length=50)


class InboxShown(Shape):
    """An inbox; its id is its address."""

    pod_id: str
    inbox_id: str
    email: str
    display_name: str | None = None
    client_id: str | None = None
    status: str | None = None
    metadata: dict[str, str | float | bool] | None = None
    updated_at: str
    created_at: str


class InboxList(Shape):
    """A page of inboxes."""

    count: int
    limit: int
    next_page_token: str | None = None
    inboxes: list[InboxShown]
