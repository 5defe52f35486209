"""Endpoints of the messages page: over all inboxes of the organisation."""

from aiohttp import web

from mailserver.api.agentry import message_answers
from mailserver.api.agentry.message_answers import MessageAnswers
from mailserver.api.agentry.outbox import Outbox
from mailserver.api.agentry.schemas import messages as shapes
from mailserver.api.agentry.schemas import sending
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import get, patch, post
from mailserver.services.registry import Services

GONE = {404: "There is no such message."}
SENT = {200: "Sent message identifiers", 403: "The message is refused.", **GONE}


class MessagesPage:
    """Messages over all inboxes of the organisation."""

    def __init__(self, services: Services, answers: MessageAnswers, outbox: Outbox) -> None:
        self._services = services
        self._answers = answers
        self._outbox = outbox

    @get("/messages", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ, answers={200: "Messages"})
    async def list_messages(self, caller: Caller, query: shapes.ListMessages) -> shapes.MessageList:
        """List messages across all inboxes, newest first."""
        own: tuple[int, ...] = ()
        if query.inbox_id:
            own = ((await self._services.inboxes.of(caller, query.inbox_id)).id,)
        return await self._answers.page(caller, "messages", query, own)

    @get(
        "/messages/{message_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.MESSAGE_READ,
        answers={200: "Message", **GONE},
    )
    async def get_message(self, caller: Caller, message_id: str) -> shapes.MessageShown:
        """Get a message by its id or its Message-ID."""
        return await self._answers.whole(await self._services.messages.get(caller, message_id))

    @patch(
        "/messages/{message_id}",
        scope=Scope.EMAIL_WRITE,
        permission=Permission.MESSAGE_UPDATE,
        answers={200: "Updated message", **GONE},
    )
    async def update_message(self, caller: Caller, message_id: str, body: shapes.ChangeLabels) -> shapes.MessageShown:
        """Update the labels of a message; `unread`, `starred`, `spam` and `trash` are flags and folders."""
        change = message_answers.change(body)
        return await self._answers.whole(
            await self._services.agent_labels.change(caller, message_id, None, change)
        )  # fmt: skip

    @get("/messages/{message_id}/raw", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ, answers=GONE)
    async def get_raw(self, caller: Caller, message_id: str) -> shapes.RawMessage:
        """Get a link to the whole message, as it arrived; it works without a login for an hour."""
        return self._answers.raw(await self._services.messages.get(caller, message_id))

    @get(
        "/messages/{message_id}/attachments/{attachment_id}",
        scope=Scope.EMAIL_READ,
        permission=Permission.MESSAGE_READ,
        answers=GONE,
    )
    async def get_attachment(self, caller: Caller, message_id: str, attachment_id: str) -> shapes.AttachmentLink:
        """Get an attachment's metadata with a link that works without a login for an hour."""
        summary = await self._services.messages.get(caller, message_id)
        return self._answers.attachment(summary.tenant_id, summary.attachments, attachment_id)

    @post("/messages/{message_id}/reply", scope=Scope.EMAIL_SEND, permission=Permission.MESSAGE_REPLY, answers=SENT)
    async def reply(
        self, caller: Caller, message_id: str, body: sending.ReplyToMessage, request: web.Request
    ) -> sending.Sent:
        """Reply to a message."""
        original = await self._services.messages.find(caller, message_id)
        inbox = await self._services.inboxes.of(caller, original.inbox_address)
        return await self._outbox.reply(caller, inbox, original, body, request)

    @post("/messages/{message_id}/reply-all", scope=Scope.EMAIL_SEND, permission=Permission.MESSAGE_REPLY, answers=SENT)
    async def reply_all(
        self, caller: Caller, message_id: str, body: sending.ReplyAllToMessage, request: web.Request
    ) -> sending.Sent:
        """Reply to everybody whom a message names."""
        original = await self._services.messages.find(caller, message_id)
        inbox = await self._services.inboxes.of(caller, original.inbox_address)
        return await self._outbox.reply(caller, inbox, original, body, request)

    @post("/messages/{message_id}/forward", scope=Scope.EMAIL_SEND, permission=Permission.MESSAGE_SEND, answers=SENT)
    async def forward(
        self, caller: Caller, message_id: str, body: sending.SendMessage, request: web.Request
    ) -> sending.Sent:
        """Forward a message with its files."""
        original = await self._services.messages.find(caller, message_id)
        inbox = await self._services.inboxes.of(caller, original.inbox_address)
        return await self._outbox.forward(caller, inbox, original, body, request)
