"""Endpoints of the messages page."""

import asyncio
import base64
import binascii

from aiohttp import web

from mailserver.api.agentry import filters, present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import messages as shapes
from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.http.downloads import Links
from mailserver.http.routing import get, post
from mailserver.mail import address as addresses
from mailserver.mail.address import Person
from mailserver.mail.compose import File
from mailserver.services.outbound import send
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.send import Repeatable, Sent
from mailserver.services.registry import Services

DECODED_LETTERS = 4 << 18


class MessagesPage:
    """Messages over all inboxes of the organisation."""

    def __init__(self, services: Services, cursors: Cursors, links: Links) -> None:
        self._services = services
        self._cursors = cursors
        self._links = links

    @get("/messages", scope=Scope.EMAIL_READ, answers={200: "Messages"})
    async def list_messages(self, caller: Caller, query: shapes.ListMessages) -> shapes.MessageList:
        """List messages across all inboxes, newest first."""
        own: tuple[int, ...] = ()
        if query.inbox_id:
            own = ((await self._services.inboxes.of(caller, query.inbox_id)).id,)
        asked = filters.question("messages", query, own)
        cursor = self._cursors.read(caller.tenant_id, asked, query.page_token)
        found = await self._services.messages.across(caller, filters.read(query, own), cursor, query.limit + 1)
        shown = found[: query.limit]
        token = None
        if len(found) > query.limit:
            token = self._cursors.make(caller.tenant_id, asked, shown[-1].received_at, shown[-1].id)
        return shapes.MessageList(
            count=len(shown), limit=query.limit, next_page_token=token, messages=[present.item(one) for one in shown]
        )

    @get("/messages/{message_id}", scope=Scope.EMAIL_READ, answers={200: "Message", 404: "There is no such message."})
    async def get_message(self, caller: Caller, message_id: str) -> shapes.MessageShown:
        """Get a message by its id or its Message-ID."""
        summary = await self._services.messages.get(caller, message_id)
        parsed = await self._services.messages.parsed(summary)
        return await asyncio.to_thread(present.message, summary, parsed)

    @get("/messages/{message_id}/raw", scope=Scope.EMAIL_READ, answers={404: "There is no such message."})
    async def get_raw(self, caller: Caller, message_id: str) -> shapes.RawMessage:
        """Get a link to the whole message, as it arrived; it works without a login for an hour."""
        summary = await self._services.messages.get(caller, message_id)
        url, expires_at = self._links.make(summary.tenant_id, identifiers.encode(Kind.MESSAGE, summary.id))
        return shapes.RawMessage(
            message_id=present.message_id(summary.id, summary.header_id),
            size=summary.size,
            download_url=url,
            expires_at=present.when(expires_at * 1000),
        )

    @post(
        "/messages/{message_id}/reply", scope=Scope.EMAIL_SEND,
        answers={200: "Sent message identifiers", 403: "The message is refused.", 404: "There is no such message."},
    )  # fmt: skip
    async def reply(
        self, caller: Caller, message_id: str, body: shapes.ReplyToMessage, request: web.Request
    ) -> shapes.Sent:
        """Reply to a message."""
        original = await self._services.messages.find(caller, message_id)
        inbox = await self._services.inboxes.of(caller, original.inbox_address)
        if body.text is None and body.html is None:
            raise errors.Invalid("A reply needs text or html.", text="At least one of text and html is required.")
        outgoing = Outgoing(
            to=_people("to", body.to), cc=_people("cc", body.cc), bcc=_people("bcc", body.bcc),
            reply_to=_people("reply_to", body.reply_to), text=body.text, html=body.html,
            attachments=await asyncio.to_thread(_files, body.attachments), headers=tuple(body.headers.items()),
            labels=tuple(body.labels), reply_to_message=original, reply_all=body.reply_all,
        )  # fmt: skip
        key = request.headers.get("Idempotency-Key")
        repeatable = None
        if key is not None:
            repeatable = Repeatable(key, send.fingerprint("agentry", request.path, inbox.id, body.model_dump_json()))
        sent = await self._services.sending.send(caller, inbox, outgoing, repeatable)
        return _sent(sent)


def _sent(sent: Sent) -> shapes.Sent:
    return shapes.Sent(
        message_id=present.message_id(sent.message_id, sent.header_id),
        thread_id=identifiers.encode(Kind.THREAD, sent.thread_id),
    )


def _people(field: str, texts: list[str] | None) -> tuple[Person, ...]:
    """`name@domain` or `Name <name@domain>`."""
    found = []
    for text in texts or ():
        name, opened, rest = text.rpartition("<")
        address = rest.removesuffix(">").strip() if opened else text.strip()
        try:
            addresses.parse(address)
        except addresses.AddressError as error:
            raise errors.Invalid(f"{text!r} is not an address.", **{field: str(error)}) from error
        found.append(Person(address, name.strip().strip('"') or None))
    return tuple(found)


def _files(attached: list[shapes.AttachedFile]) -> tuple[File, ...]:
    """The attached files, decoded. Blocks."""
    files = []
    for one in attached:
        if one.content is None:
            raise errors.Invalid("An attachment needs its content.", attachments="Send `content` in base 64.")
        try:
            content = _decoded(one.content)
        except (binascii.Error, ValueError) as error:
            raise errors.Invalid("An attachment is not base 64.", attachments="The content is not base 64.") from error
        files.append(
            File(
                one.filename or "attachment", one.content_type or "application/octet-stream", content,
                one.content_disposition or "attachment", one.content_id,
            )
        )  # fmt: skip
    return tuple(files)


def _decoded(text: str) -> bytes:
    """Base 64, in steps: the decoder lets no other thread work while it runs."""
    steps = range(0, len(text), DECODED_LETTERS)
    return b"".join(base64.b64decode(text[start : start + DECODED_LETTERS], validate=True) for start in steps)
