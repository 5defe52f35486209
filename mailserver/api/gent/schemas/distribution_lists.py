"""Shapes of the distribution lists page."""

from pydantic import Field

from mailserver.api.gent.schemas.messages import Shape, Short


class CreateList(Shape):
    """An address that fans out."""

    address: Short = Field(description="On a verified domain of the tenant.")
    name: Short


class RenameList(Shape):
    """What the list is to be called."""

    name: Short | None = None


class AddMember(Shape):
    """Who is to get a copy of the list's mail."""

    inbox_id: Short


class ListShown(Shape):
    """A distribution list."""

    list_id: str
    address: str
    name: str
    created_by: str | None
    created_at: str


class MemberShown(Shape):
    """An inbox on a list."""

    member_id: str
    inbox_id: str
    inbox_address: str
    added_at: str
