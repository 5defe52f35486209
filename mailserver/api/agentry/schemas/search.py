"""Shapes of searches by words."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.agentry.schemas.messages import Body, MessageItem, Names, Shape, Short
from mailserver.api.agentry.schemas.threads import ThreadItem

Query = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class SearchMail(Shape):
    """What to look for."""

    q: Query = Field(description="Words that must all be there; operators such as from: narrow.")
    limit: int = Field(50, ge=1, le=100, description="How many items at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")
    before: Short | None = Field(None, description="Only items before this time.")
    after: Short | None = Field(None, description="Only items after this time.")


class SearchAnywhere(Body, SearchMail):
    """What to look for, and where."""

    q: Query = Field(alias="query", description="Words that must all be there; operators such as from: narrow.")
    inbox_ids: Names = Field([], description="Only in these inboxes, and in `pod_ids`.")
    pod_ids: Names = Field([], description="Only in these pods, and in `inbox_ids`.")


class HighlightsShown(Shape):
    """Pieces of the fields in which the words stand, each word between `**`."""

    sender: list[str] | None = Field(None, alias="from")
    recipients: list[str] | None = None
    subject: list[str] | None = None
    text: list[str] | None = None


class FoundMessage(MessageItem):
    """A message that was found."""

    highlights: HighlightsShown | None = None


class FoundMessages(Shape):
    """A page of messages that were found."""

    count: int
    limit: int
    next_page_token: str | None = None
    messages: list[FoundMessage]


class FoundThread(ThreadItem):
    """A thread that was found."""

    highlights: HighlightsShown | None = None


class FoundThreads(Shape):
    """A page of threads that were found."""

    count: int
    limit: int
    next_page_token: str | None = None
    threads: list[FoundThread]
