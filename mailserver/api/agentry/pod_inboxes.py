"""Endpoints of a pod's inboxes page."""

from mailserver.api.agentry.inboxes import InboxesPage
from mailserver.api.agentry.schemas import inboxes as shapes
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services

GONE = {404: "There is no such pod, or no such inbox in it."}


class PodInboxesPage:
    """Inboxes of one pod. Whoever asks here sees nothing but the pod; the rest is as for the organisation."""

    def __init__(self, services: Services, inboxes: InboxesPage) -> None:
        self._services = services
        self._inboxes = inboxes

    @get("/pods/{pod_id}/inboxes", scope=Scope.EMAIL_READ, permission=Permission.INBOX_READ, answers=GONE)
    async def list_inboxes(self, caller: Caller, pod_id: str, query: shapes.ListInboxes) -> shapes.InboxList:
        """List a pod's inboxes, newest first."""
        return await self._inboxes.list_inboxes(await self._services.pods.within(caller, pod_id), query)

    @post(
        "/pods/{pod_id}/inboxes", scope=Scope.ADMIN, permission=Permission.INBOX_CREATE,
        answers={**GONE, 403: "The address is taken."},
    )  # fmt: skip
    async def create_inbox(self, caller: Caller, pod_id: str, body: shapes.CreateInbox) -> shapes.InboxShown:
        """Make an inbox in a pod, on a domain of the pod or of the organisation's own."""
        return await self._inboxes.create_inbox(await self._services.pods.within(caller, pod_id), body)

    @get("/pods/{pod_id}/inboxes/search", scope=Scope.EMAIL_READ, permission=Permission.INBOX_READ, answers=GONE)
    async def search_inboxes(self, caller: Caller, pod_id: str, query: shapes.SearchInboxes) -> shapes.InboxList:
        """Search a pod's inboxes by what stands in their address or name."""
        return await self._inboxes.search_inboxes(await self._services.pods.within(caller, pod_id), query)

    @get("/pods/{pod_id}/inboxes/{inbox_id}", scope=Scope.EMAIL_READ, permission=Permission.INBOX_READ, answers=GONE)
    async def get_inbox(self, caller: Caller, pod_id: str, inbox_id: str) -> shapes.InboxShown:
        """Get an inbox of a pod."""
        return await self._inboxes.get_inbox(await self._services.pods.within(caller, pod_id), inbox_id)

    @patch("/pods/{pod_id}/inboxes/{inbox_id}", scope=Scope.ADMIN, permission=Permission.INBOX_UPDATE, answers=GONE)
    async def update_inbox(
        self, caller: Caller, pod_id: str, inbox_id: str, body: shapes.UpdateInbox
    ) -> shapes.InboxShown:
        """Change an inbox of a pod; metadata is merged, and null takes it, or one of its names, away."""
        return await self._inboxes.update_inbox(await self._services.pods.within(caller, pod_id), inbox_id, body)

    @delete(
        "/pods/{pod_id}/inboxes/{inbox_id}",
        scope=Scope.ADMIN,
        permission=Permission.INBOX_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_inbox(self, caller: Caller, pod_id: str, inbox_id: str) -> None:
        """Delete an inbox of a pod with its mail, that on its way included."""
        await self._inboxes.delete_inbox(await self._services.pods.within(caller, pod_id), inbox_id)
