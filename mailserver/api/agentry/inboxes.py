"""Endpoints of the inboxes page."""

from mailserver.api.agentry import present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import inboxes as shapes
from mailserver.entities.access import Caller, Scope
from mailserver.entities.agent_inbox import AgentInbox
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.accounts.agent_inboxes import AgentInboxChange, NewInbox
from mailserver.services.registry import Services

GONE = {404: "There is no such inbox."}


class InboxesPage:
    """Inboxes of the organisation; an inbox's id is its address."""

    def __init__(self, services: Services, cursors: Cursors) -> None:
        self._services = services
        self._cursors = cursors

    @get("/inboxes", scope=Scope.EMAIL_READ, permission=Permission.INBOX_READ)
    async def list_inboxes(self, caller: Caller, query: shapes.ListInboxes) -> shapes.InboxList:
        """List inboxes, newest first."""
        asked = f"inboxes {query.ascending}"
        behind = self._cursors.read(caller, asked, query.page_token)
        found = await self._services.agent_inboxes.page(
            caller, behind[1] if behind else None, query.limit + 1, ascending=query.ascending
        )
        return self._page(caller, asked, found, query.limit)

    @post(
        "/inboxes", scope=Scope.ADMIN, permission=Permission.INBOX_CREATE,
        answers={200: "The inbox; the one that there is where the client_id is known.", 403: "The address is taken."},
    )  # fmt: skip
    async def create_inbox(self, caller: Caller, body: shapes.CreateInbox) -> shapes.InboxShown:
        """Make an inbox; a name and a domain are chosen where none are given."""
        wanted = NewInbox(
            body.username, body.domain, body.display_name, body.client_id, body.status, body.metadata
        )  # fmt: skip
        return present.inbox(await self._services.agent_inboxes.create(caller, wanted))

    @get("/inboxes/search", scope=Scope.EMAIL_READ, permission=Permission.INBOX_READ)
    async def search_inboxes(self, caller: Caller, query: shapes.SearchInboxes) -> shapes.InboxList:
        """Search inboxes by what stands in their address or name."""
        asked = f"search inboxes {query.q}"
        behind = self._cursors.read(caller, asked, query.page_token)
        found = await self._services.agent_inboxes.page(
            caller, behind[1] if behind else None, query.limit + 1, containing=query.q
        )
        return self._page(caller, asked, found, query.limit)

    @get("/inboxes/{inbox_id}", scope=Scope.EMAIL_READ, permission=Permission.INBOX_READ, answers=GONE)
    async def get_inbox(self, caller: Caller, inbox_id: str) -> shapes.InboxShown:
        """Get an inbox."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return present.inbox(await self._services.agent_inboxes.get(inbox))

    @patch("/inboxes/{inbox_id}", scope=Scope.ADMIN, permission=Permission.INBOX_UPDATE, answers=GONE)
    async def update_inbox(self, caller: Caller, inbox_id: str, body: shapes.UpdateInbox) -> shapes.InboxShown:
        """Change an inbox; metadata is merged, and null takes it, or one of its names, away."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        change = AgentInboxChange(
            "" if "display_name" in body.model_fields_set and body.display_name is None else body.display_name,
            body.status, body.metadata, "metadata" in body.model_fields_set and body.metadata is None,
        )  # fmt: skip
        return present.inbox(await self._services.agent_inboxes.change(caller, inbox, change))

    @delete("/inboxes/{inbox_id}", scope=Scope.ADMIN, permission=Permission.INBOX_DELETE, status=204, answers=GONE)
    async def delete_inbox(self, caller: Caller, inbox_id: str) -> None:
        """Delete an inbox with its mail, that on its way included."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        await self._services.agent_inboxes.close(caller, inbox)

    def _page(self, caller: Caller, asked: str, found: list[AgentInbox], limit: int) -> shapes.InboxList:
        shown = found[:limit]
        token = None
        if len(found) > limit:
            token = self._cursors.make(caller, asked, 0, shown[-1].inbox.id)
        return shapes.InboxList(
            count=len(shown), limit=limit, next_page_token=token, inboxes=[present.inbox(one) for one in shown]
        )
