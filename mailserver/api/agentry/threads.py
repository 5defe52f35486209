"""Endpoints of the threads page: over all inboxes of the organisation."""

from mailserver.api.agentry.schemas import search as search_shapes
from mailserver.api.agentry.schemas import threads as shapes
from mailserver.api.agentry.schemas.messages import AttachmentLink
from mailserver.api.agentry.searches import Searches
from mailserver.api.agentry.thread_answers import ThreadAnswers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch
from mailserver.services.registry import Services

GONE = {404: "There is no such thread."}


class ThreadsPage:
    """Threads over all inboxes of the organisation."""

    def __init__(self, services: Services, answers: ThreadAnswers, searching: Searches) -> None:
        self._services = services
        self._answers = answers
        self._searches = searching

    @get("/threads", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ)
    async def list_threads(self, caller: Caller, query: shapes.ListThreads) -> shapes.ThreadList:
        """List threads, the one with the newest message first."""
        return await self._answers.page(caller, query, None)

    @get("/threads/search", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ)
    async def search_threads(self, caller: Caller, query: search_shapes.SearchMail) -> search_shapes.FoundThreads:
        """Search threads by words; junk, trash and the like are left out."""
        return await self._searches.threads(caller, None, query)

    @get("/threads/{thread_id}", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ, answers=GONE)
    async def get_thread(self, caller: Caller, thread_id: str, query: shapes.GetThread) -> shapes.ThreadShown:
        """Get a thread with its messages, oldest first."""
        return await self._answers.whole(caller, thread_id, None, query)

    @patch("/threads/{thread_id}", scope=Scope.EMAIL_WRITE, permission=Permission.MESSAGE_UPDATE, answers=GONE)
    async def update_thread(self, caller: Caller, thread_id: str, body: shapes.ChangeThread) -> shapes.ThreadChanged:
        """Put labels on all messages of a thread and take others off them."""
        return await self._answers.change(caller, thread_id, None, body)

    @delete(
        "/threads/{thread_id}", scope=Scope.EMAIL_DELETE, permission=Permission.MESSAGE_DELETE, status=204, answers=GONE
    )
    async def delete_thread(self, caller: Caller, thread_id: str, query: shapes.DeleteThread) -> None:
        """Delete a thread: to trash first, from there, or where `permanent` is true, for good."""
        await self._services.threads.delete(caller, thread_id, None, is_final=query.permanent)

    @get(
        "/threads/{thread_id}/attachments/{attachment_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.MESSAGE_READ,
        answers=GONE,
    )
    async def get_attachment(self, caller: Caller, thread_id: str, attachment_id: str) -> AttachmentLink:
        """Get an attachment of a thread with a link that works without a login for an hour."""
        return await self._answers.attachment(caller, thread_id, None, attachment_id)
