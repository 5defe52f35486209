"""Shapes of the lists page: allow and block lists."""

from pydantic import Field

from mailserver.api.agentry.schemas.messages import Shape, Short
from mailserver.entities.rule import LONGEST_ENTRY, LONGEST_REASON


class ListEntries(Shape):
    """What part of a list."""

    limit: int = Field(50, ge=1, le=200, description="How many entries at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")


class NewEntry(Shape):
    """An address or a domain to put on a list."""

    entry: str = Field(
        min_length=1, max_length=LONGEST_ENTRY, description="An address, a domain, or .domain for below."
    )
    reason: str | None = Field(None, max_length=LONGEST_REASON)


class EntryShown(Shape):
    """An entry of a list."""

    entry: str
    organization_id: str
    pod_id: str | None = None
    inbox_id: str | None = None
    reason: str | None = None
    direction: str = Field(description="send, receive or reply.")
    list_type: str = Field(description="allow or block.")
    entry_type: str = Field(description="email or domain.")
    created_at: str


class EntryList(Shape):
    """A page of a list."""

    count: int
    limit: int
    next_page_token: str | None = None
    entries: list[EntryShown]
