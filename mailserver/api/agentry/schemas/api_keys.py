"""Shapes of the API keys, organisation and identity pages."""

from typing import Literal

from pydantic import Field

from mailserver.api.agentry.schemas.messages import Shape, Short
from mailserver.entities.permission import Permission

Permissions = dict[Permission, bool | None]


class ListKeys(Shape):
    """What keys to list."""

    limit: int = Field(50, ge=1, le=200, description="How many keys at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")
    ascending: bool = Field(False, description="Oldest first.")
    type: Literal["bearer", "public_key"] | None = Field(None, description="There are none but bearer keys.")


class NewKeyBody(Shape):
    """A key to make."""

    name: Short | None = None
    permissions: Permissions | None = Field(
        None, description="What the key may do: those that are true. Without it, all that the key that asks may do."
    )
    expires_at: Short | None = Field(None, description="When it is good no more.")


class ChangeKey(Shape):
    """What is to be different of a key."""

    name: Short | None = None
    permissions: Permissions | None = Field(None, description="All that the key may do from now on.")


class KeyShown(Shape):
    """A key; never its secret."""

    type: str = "bearer"
    api_key_id: str
    prefix: str
    name: str
    pod_id: str | None = None
    inbox_id: str | None = None
    used_at: str | None = None
    permissions: dict[str, bool] | None = None
    created_at: str
    updated_at: str
    expires_at: str | None = None


class KeyMade(Shape):
    """A key that was just made: the one time that its secret is shown."""

    api_key_id: str
    api_key: str
    prefix: str
    name: str
    pod_id: str | None = None
    inbox_id: str | None = None
    permissions: dict[str, bool] | None = None
    created_at: str
    expires_at: str | None = None


class KeyList(Shape):
    """A page of keys."""

    count: int
    next_page_token: str | None = None
    api_keys: list[KeyShown]


class Identity(Shape):
    """Who is asking."""

    scope_type: str = Field(description="organization, pod or inbox.")
    scope_id: str
    organization_id: str
    pod_id: str | None = None
    inbox_id: str | None = None
    api_key_id: str


class Organization(Shape):
    """The organisation of the key."""

    organization_id: str
    inbox_count: int
    domain_count: int
    daily_send_limit: int | None = Field(None, description="Messages a day of all its inboxes; none without a limit.")
    updated_at: str
    created_at: str
