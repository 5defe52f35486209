"""Endpoints of the threads page."""

import asyncio

from mailserver.api.agentry import filters, present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import messages as shapes
from mailserver.entities.access import Caller, Scope
from mailserver.http.routing import get
from mailserver.services.registry import Services


class ThreadsPage:
    """Threads over all inboxes of the organisation."""

    def __init__(self, services: Services, cursors: Cursors) -> None:
        self._services = services
        self._cursors = cursors

    @get("/threads", scope=Scope.EMAIL_READ)
    async def list_threads(self, caller: Caller, query: shapes.ListShape) -> shapes.ThreadList:
        """List threads, the one with the newest message first."""
        asked = filters.question("threads", query, ())
        cursor = self._cursors.read(caller.tenant_id, asked, query.page_token)
        found = await self._services.threads.page(caller, filters.read(query, ()), cursor, query.limit + 1)
        shown = found[: query.limit]
        token = None
        if len(found) > query.limit:
            token = self._cursors.make(caller.tenant_id, asked, shown[-1].last_received_at, shown[-1].id)
        return shapes.ThreadList(
            count=len(shown),
            limit=query.limit,
            next_page_token=token,
            threads=[present.thread(one, present.system_labels(one)) for one in shown],
        )

    @get("/threads/{thread_id}", scope=Scope.EMAIL_READ, answers={404: "There is no such thread."})
    async def get_thread(self, caller: Caller, thread_id: str) -> shapes.ThreadShown:
        """Get a thread with its messages, oldest first."""
        summary, members = await self._services.threads.get(caller, thread_id)
        shown = []
        for member in members:
            parsed = await self._services.messages.parsed(member)
            shown.append(await asyncio.to_thread(present.message, member, parsed))
        item = present.thread(summary, present.system_labels(summary))
        return shapes.ThreadShown(**item.model_dump(by_alias=False), messages=shown)
