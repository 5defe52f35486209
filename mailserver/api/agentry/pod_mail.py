"""Endpoints of a pod's threads and drafts pages."""

from mailserver.api.agentry.drafts import DraftsPage
from mailserver.api.agentry.schemas import drafts as draft_shapes
from mailserver.api.agentry.schemas import search as search_shapes
from mailserver.api.agentry.schemas import threads as shapes
from mailserver.api.agentry.schemas.messages import AttachmentLink
from mailserver.api.agentry.threads import ThreadsPage
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch
from mailserver.services.registry import Services

GONE = {404: "There is no such pod, or no such thread in it."}
NO_DRAFT = {404: "There is no such pod, or no such draft in it."}


class PodThreadsPage:
    """Threads over all inboxes of one pod."""

    def __init__(self, services: Services, threads: ThreadsPage) -> None:
        self._services = services
        self._threads = threads

    @get("/pods/{pod_id}/threads", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ, answers=GONE)
    async def list_threads(self, caller: Caller, pod_id: str, query: shapes.ListThreads) -> shapes.ThreadList:
        """List a pod's threads, the one with the newest message first."""
        return await self._threads.list_threads(await self._services.pods.within(caller, pod_id), query)

    @get("/pods/{pod_id}/threads/search", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ, answers=GONE)
    async def search_threads(
        self, caller: Caller, pod_id: str, query: search_shapes.SearchMail
    ) -> search_shapes.FoundThreads:
        """Search a pod's threads by words; junk, trash and the like are left out."""
        return await self._threads.search_threads(await self._services.pods.within(caller, pod_id), query)

    @get("/pods/{pod_id}/threads/{thread_id}", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ, answers=GONE)
    async def get_thread(
        self, caller: Caller, pod_id: str, thread_id: str, query: shapes.GetThread
    ) -> shapes.ThreadShown:
        """Get a thread of a pod with its messages, oldest first."""
        return await self._threads.get_thread(await self._services.pods.within(caller, pod_id), thread_id, query)

    @patch(
        "/pods/{pod_id}/threads/{thread_id}",
        scope=Scope.EMAIL_WRITE,
        permission=Permission.MESSAGE_UPDATE,
        answers=GONE,
    )
    async def update_thread(
        self, caller: Caller, pod_id: str, thread_id: str, body: shapes.ChangeThread
    ) -> shapes.ThreadChanged:
        """Put labels on all messages of a thread of a pod and take others off them."""
        return await self._threads.update_thread(await self._services.pods.within(caller, pod_id), thread_id, body)

    @delete(
        "/pods/{pod_id}/threads/{thread_id}",
        scope=Scope.EMAIL_DELETE,
        permission=Permission.MESSAGE_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_thread(self, caller: Caller, pod_id: str, thread_id: str, query: shapes.DeleteThread) -> None:
        """Delete a thread of a pod: to trash first, from there, or where `permanent` is true, for good."""
        await self._threads.delete_thread(await self._services.pods.within(caller, pod_id), thread_id, query)

    @get(
        "/pods/{pod_id}/threads/{thread_id}/attachments/{attachment_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.MESSAGE_READ,
        answers=GONE,
    )
    async def get_attachment(self, caller: Caller, pod_id: str, thread_id: str, attachment_id: str) -> AttachmentLink:
        """Get an attachment of a thread of a pod with a link that works without a login for an hour."""
        within = await self._services.pods.within(caller, pod_id)
        return await self._threads.get_attachment(within, thread_id, attachment_id)


class PodDraftsPage:
    """Drafts over all inboxes of one pod."""

    def __init__(self, services: Services, drafts: DraftsPage) -> None:
        self._services = services
        self._drafts = drafts

    @get("/pods/{pod_id}/drafts", scope=Scope.EMAIL_READ, permission=Permission.DRAFT_READ, answers=NO_DRAFT)
    async def list_drafts(self, caller: Caller, pod_id: str, query: draft_shapes.ListDrafts) -> draft_shapes.DraftList:
        """List a pod's drafts, the one that was changed last first."""
        return await self._drafts.list_drafts(await self._services.pods.within(caller, pod_id), query)

    @get("/pods/{pod_id}/drafts/{draft_id}", scope=Scope.EMAIL_READ, permission=Permission.DRAFT_READ, answers=NO_DRAFT)
    async def get_draft(self, caller: Caller, pod_id: str, draft_id: str) -> draft_shapes.DraftShown:
        """Get a draft of a pod."""
        return await self._drafts.get_draft(await self._services.pods.within(caller, pod_id), draft_id)

    @get(
        "/pods/{pod_id}/drafts/{draft_id}/attachments/{attachment_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.DRAFT_READ,
        answers=NO_DRAFT,
    )
    async def get_attachment(self, caller: Caller, pod_id: str, draft_id: str, attachment_id: str) -> AttachmentLink:
        """Get an attachment of a draft with a link that works until the draft is changed, for an hour."""
        within = await self._services.pods.within(caller, pod_id)
        return await self._drafts.get_attachment(within, draft_id, attachment_id)
