"""Searches by words, for the pages over all inboxes and those of one."""

from collections.abc import Sequence
from dataclasses import replace

from mailserver.api.agentry import present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import search as shapes
from mailserver.entities import errors
from mailserver.entities import search as searching
from mailserver.entities.access import Caller
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import MessageSummary
from mailserver.entities.search import SearchQuery
from mailserver.services.mailbox.finding import Highlights
from mailserver.services.registry import Services


class Searches:
    """What is found, newest first, with the places where the words stand."""

    def __init__(self, services: Services, cursors: Cursors) -> None:
        self._services = services
        self._cursors = cursors

    async def messages(self, caller: Caller, inbox: Inbox, query: shapes.SearchMail) -> shapes.FoundMessages:
        """Messages of an inbox."""
        asked = _question("search messages", inbox, query)
        cursor = self._cursors.read(caller, asked, query.page_token)
        found = await self._services.finding.messages(
            caller, inbox, _read(query), cursor[1] if cursor else None, query.limit + 1
        )
        return self._page(caller, asked, query, found)

    async def anywhere(self, caller: Caller, query: shapes.SearchAnywhere) -> shapes.FoundMessages:
        """Messages of some inboxes and pods, or of all that the caller may see."""
        asked = _question("search anywhere", None, query)
        cursor = self._cursors.read(caller, asked, query.page_token)
        names = dict.fromkeys(query.inbox_ids)
        inbox_ids = tuple([(await self._services.inboxes.of(caller, name)).id for name in names])
        pod_ids = await self._services.pods.ids_of(caller, query.pod_ids) if query.pod_ids else ()
        found = await self._services.finding.anywhere(
            caller, inbox_ids, pod_ids, _read(query), cursor[1] if cursor else None, query.limit + 1
        )
        return self._page(caller, asked, query, found)

    async def threads(self, caller: Caller, inbox: Inbox | None, query: shapes.SearchMail) -> shapes.FoundThreads:
        """Threads of an inbox, or of all that the caller may see."""
        asked = _question("search threads", inbox, query)
        cursor = self._cursors.read(caller, asked, query.page_token)
        found = await self._services.finding.threads(
            caller, inbox, _read(query), cursor[1] if cursor else None, query.limit + 1
        )
        shown = found[: query.limit]
        token = None
        if len(found) > query.limit:
            token = self._cursors.make(caller, asked, 0, shown[-1].message.id)
        return shapes.FoundThreads(
            count=len(shown), limit=query.limit, next_page_token=token,
            threads=[
                shapes.FoundThread(
                    **present.thread(one.thread).model_dump(by_alias=False), highlights=_shown(one.highlights)
                )
                for one in shown
            ],
        )  # fmt: skip

    def _page(
        self,
        caller: Caller,
        asked: str,
        query: shapes.SearchMail,
        found: Sequence[tuple[MessageSummary, Highlights]],
    ) -> shapes.FoundMessages:
        shown = found[: query.limit]
        token = None
        if len(found) > query.limit:
            token = self._cursors.make(caller, asked, 0, shown[-1][0].id)
        return shapes.FoundMessages(
            count=len(shown), limit=query.limit, next_page_token=token,
            messages=[
                shapes.FoundMessage(**present.item(one).model_dump(by_alias=False), highlights=_shown(marked))
                for one, marked in shown
            ],
        )  # fmt: skip


def _question(name: str, inbox: Inbox | None, query: shapes.SearchMail) -> str:
    """What a page token belongs to."""
    return f"{name} {inbox.id if inbox else 0} {query.model_dump_json(exclude={'page_token', 'limit'})}"


def _read(query: shapes.SearchMail) -> SearchQuery:
    read = searching.parse(query.q, _moment)
    before, after = present.moment(query.before, "before"), present.moment(query.after, "after")
    return replace(
        read, before=read.before if before is None else before, after=read.after if after is None else after
    )  # fmt: skip


def _moment(text: str) -> int | None:
    try:
        return present.moment(text, "q")
    except errors.Invalid:
        return None


def _shown(marked: Highlights) -> shapes.HighlightsShown:
    return shapes.HighlightsShown(
        sender=list(marked.sender) or None, recipients=list(marked.recipients) or None,
        subject=list(marked.subject) or None, text=list(marked.text) or None,
    )  # fmt: skip
