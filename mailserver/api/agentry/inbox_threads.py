"""Endpoints of an inbox's threads page."""

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


class InboxThreadsPage:
    """Threads of one inbox."""

    def __init__(self, services: Services, answers: ThreadAnswers, searching: Searches) -> None:
        self._services = services
        self._answers = answers
        self._searches = searching

    @get("/inboxes/{inbox_id}/threads", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ)
    async def list_threads(self, caller: Caller, inbox_id: str, query: shapes.ListThreads) -> shapes.ThreadList:
        """List threads, the one with the newest message first."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.page(caller, query, inbox)

    @get("/inboxes/{inbox_id}/threads/search", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ)
    async def search_threads(
        self, caller: Caller, inbox_id: str, query: search_shapes.SearchMail
    ) -> search_shapes.FoundThreads:
        """Search threads by words; junk, trash and the like are left out."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._searches.threads(caller, inbox, query)

    @get(
        "/inboxes/{inbox_id}/threads/{thread_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.MESSAGE_READ,
        answers=GONE,
    )
    async def get_thread(
        self, caller: Caller, inbox_id: str, thread_id: str, query: shapes.GetThread
    ) -> shapes.ThreadShown:
        """Get a thread with its messages, oldest first."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.whole(caller, thread_id, inbox, query)

    @patch(
        "/inboxes/{inbox_id}/threads/{thread_id}",
        scope=Scope.EMAIL_WRITE,
        permission=Permission.MESSAGE_UPDATE,
        answers=GONE,
    )
    async def update_thread(
        self, caller: Caller, inbox_id: str, thread_id: str, body: shapes.ChangeThread
    ) -> shapes.ThreadChanged:
        """Put labels on all messages of a thread and take others off them."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.change(caller, thread_id, inbox, body)

    @delete(
        "/inboxes/{inbox_id}/threads/{thread_id}",
        scope=Scope.EMAIL_DELETE,
        permission=Permission.MESSAGE_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_thread(self, caller: Caller, inbox_id: str, thread_id: str, query: shapes.DeleteThread) -> None:
        """Delete a thread: to trash first, from there, or where `permanent` is true, for good."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        await self._services.threads.delete(caller, thread_id, inbox, is_final=query.permanent)

    @get(
        "/inboxes/{inbox_id}/threads/{thread_id}/attachments/{attachment_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.MESSAGE_READ,
        answers=GONE,
    )
    async def get_attachment(self, caller: Caller, inbox_id: str, thread_id: str, attachment_id: str) -> AttachmentLink:
        """Get an attachment of a thread with a link that works without a login for an hour."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.attachment(caller, thread_id, inbox, attachment_id)
