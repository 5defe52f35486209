"""Endpoints of an inbox's messages page: send, reply, forward."""

from aiohttp import web

from mailserver.api.agentry.outbox import Outbox
from mailserver.api.agentry.schemas import sending as shapes
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import post
from mailserver.services.registry import Services

SENT = {
    200: "Sent message identifiers", 403: "The message is refused.", 404: "There is no such message.",
    409: "The Idempotency-Key was used for another request.",
}  # fmt: skip


class InboxSendingPage:
    """What goes out from one inbox.

    A request that is repeated with the same Idempotency-Key within a day sends nothing more and gets the first answer.
    """

    def __init__(self, services: Services, outbox: Outbox) -> None:
        self._services = services
        self._outbox = outbox

    @post("/inboxes/{inbox_id}/messages/send", scope=Scope.EMAIL_SEND, permission=Permission.MESSAGE_SEND, answers=SENT)
    async def send(self, caller: Caller, inbox_id: str, body: shapes.SendMessage, request: web.Request) -> shapes.Sent:
        """Send a message."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._outbox.send(caller, inbox, body, request)

    @post(
        "/inboxes/{inbox_id}/messages/{message_id}/reply",
        scope=Scope.EMAIL_SEND,
        permission=Permission.MESSAGE_REPLY,
        answers=SENT,
    )
    async def reply(
        self, caller: Caller, inbox_id: str, message_id: str, body: shapes.ReplyToMessage, request: web.Request
    ) -> shapes.Sent:
        """Reply to a message."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        original = await self._services.messages.find(caller, message_id, inbox)
        return await self._outbox.reply(caller, inbox, original, body, request)

    @post(
        "/inboxes/{inbox_id}/messages/{message_id}/reply-all",
        scope=Scope.EMAIL_SEND,
        permission=Permission.MESSAGE_REPLY,
        answers=SENT,
    )
    async def reply_all(
        self, caller: Caller, inbox_id: str, message_id: str, body: shapes.ReplyAllToMessage, request: web.Request
    ) -> shapes.Sent:
        """Reply to everybody whom a message names."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        original = await self._services.messages.find(caller, message_id, inbox)
        return await self._outbox.reply(caller, inbox, original, body, request)

    @post(
        "/inboxes/{inbox_id}/messages/{message_id}/forward",
        scope=Scope.EMAIL_SEND,
        permission=Permission.MESSAGE_SEND,
        answers=SENT,
    )
    async def forward(
        self, caller: Caller, inbox_id: str, message_id: str, body: shapes.SendMessage, request: web.Request
    ) -> shapes.Sent:
        """Forward a message with its files."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        original = await self._services.messages.find(caller, message_id, inbox)
        return await self._outbox.forward(caller, inbox, original, body, request)
