"""Endpoints of an inbox's messages page: read and arrange."""

from mailserver.api.agentry import message_answers
from mailserver.api.agentry.message_answers import MessageAnswers
from mailserver.api.agentry.schemas import messages as shapes
from mailserver.api.agentry.schemas import search as search_shapes
from mailserver.api.agentry.searches import Searches
from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services

GONE = {404: "There is no such message."}


class InboxMessagesPage:
    """Messages of one inbox."""

    def __init__(self, services: Services, answers: MessageAnswers, searching: Searches) -> None:
        self._services = services
        self._answers = answers
        self._searches = searching

    @get("/inboxes/{inbox_id}/messages", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ)
    async def list_messages(self, caller: Caller, inbox_id: str, query: shapes.ListInboxMessages) -> shapes.MessageList:
        """List an inbox's messages, newest first."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.page(caller, "inbox messages", query, (inbox.id,))

    @get("/inboxes/{inbox_id}/messages/search", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ)
    async def search_messages(
        self, caller: Caller, inbox_id: str, query: search_shapes.SearchMail
    ) -> search_shapes.FoundMessages:
        """Search an inbox's messages by words; junk, trash and the like are left out."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._searches.messages(caller, inbox, query)

    @post("/inboxes/{inbox_id}/messages/batch-get", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ)
    async def batch_get(self, caller: Caller, inbox_id: str, body: shapes.BatchGet) -> shapes.BatchGot:
        """Get several messages; those that there are not are left out."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        found = []
        for message_id in dict.fromkeys(body.message_ids):
            try:
                found.append(await self._services.messages.get(caller, message_id, inbox))
            except errors.NotFound:
                continue
        shown = await self._answers.several(found)
        if len(shown) < len(found):
            raise errors.TooLarge("These messages are too long for one answer; ask for fewer at once.")
        return shapes.BatchGot(limit=len(body.message_ids), count=len(shown), messages=shown)

    @post("/inboxes/{inbox_id}/messages/batch-update", scope=Scope.EMAIL_WRITE, permission=Permission.MESSAGE_UPDATE)
    async def batch_update(self, caller: Caller, inbox_id: str, body: shapes.BatchUpdate) -> shapes.BatchUpdated:
        """Update the labels of several messages, of all or of none; those that there are not are left out."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        change = message_answers.change(body)
        found = await self._services.agent_labels.change_several(caller, body.message_ids, inbox, change)
        updates = [message_answers.changed(one) for one in found]
        return shapes.BatchUpdated(limit=len(body.message_ids), count=len(updates), updates=updates)

    @get(
        "/inboxes/{inbox_id}/messages/{message_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.MESSAGE_READ,
        answers=GONE,
    )
    async def get_message(self, caller: Caller, inbox_id: str, message_id: str) -> shapes.MessageShown:
        """Get a message by its id or its Message-ID."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._answers.whole(await self._services.messages.get(caller, message_id, inbox))

    @patch(
        "/inboxes/{inbox_id}/messages/{message_id}",
        scope=Scope.EMAIL_WRITE,
        permission=Permission.MESSAGE_UPDATE,
        answers=GONE,
    )
    async def update_message(
        self, caller: Caller, inbox_id: str, message_id: str, body: shapes.ChangeLabels
    ) -> shapes.LabelsChanged:
        """Update the labels of a message; `unread`, `starred`, `spam` and `trash` are flags and folders."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        change = message_answers.change(body)
        return message_answers.changed(
            await self._services.agent_labels.change(caller, message_id, inbox, change)
        )  # fmt: skip

    @delete(
        "/inboxes/{inbox_id}/messages/{message_id}",
        scope=Scope.EMAIL_DELETE,
        permission=Permission.MESSAGE_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_message(self, caller: Caller, inbox_id: str, message_id: str) -> None:
        """Delete a message: to trash first, from there for good."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        await self._services.messages.delete(caller, inbox, message_id)

    @get(
        "/inboxes/{inbox_id}/messages/{message_id}/raw",
        scope=Scope.EMAIL_READ,
        permission=Permission.MESSAGE_READ,
        answers=GONE,
    )
    async def get_raw(self, caller: Caller, inbox_id: str, message_id: str) -> shapes.RawMessage:
        """Get a link to the whole message, as it arrived; it works without a login for an hour."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return self._answers.raw(await self._services.messages.get(caller, message_id, inbox))

    @get(
        "/inboxes/{inbox_id}/messages/{message_id}/attachments/{attachment_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.MESSAGE_READ,
        answers=GONE,
    )
    async def get_attachment(
        self, caller: Caller, inbox_id: str, message_id: str, attachment_id: str
    ) -> shapes.AttachmentLink:
        """Get an attachment's metadata with a link that works without a login for an hour."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        summary = await self._services.messages.get(caller, message_id, inbox)
        return self._answers.attachment(summary.tenant_id, summary.attachments, attachment_id)
