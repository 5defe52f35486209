"""Endpoints of the messages page: send, list, read, change, delete."""

from datetime import tzinfo

from aiohttp import web

from mailserver.api.gent import moments, present, times
from mailserver.api.gent.blobs import Blobs
from mailserver.api.gent.schemas import messages as shapes
from mailserver.entities import errors
from mailserver.entities import search as searching
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.http.routing import delete, get, patch, post
from mailserver.mail.address import Person
from mailserver.services.mailbox.messages import Listing, Update
from mailserver.services.outbound import send, signatures
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.send import Repeatable
from mailserver.services.registry import Services


class MessagesPage:
    """Messages of an inbox."""

    def __init__(self, services: Services, blobs: Blobs) -> None:
        self._services = services
        self._blobs = blobs

    @post(
        "/messages/",
        scope=Scope.EMAIL_SEND,
        status=201,
        holds=True,
        answers={
            201: "Stored and queued.",
            202: "Held for an approval: `queued` and `approval_id`.",
            409: "The Idempotency-Key was used for another request.",
        },
    )
    async def send(self, caller: Caller, body: shapes.SendMessage, request: web.Request) -> shapes.SentExceptTo:
        """Send a message.

        `from` is always the inbox's address. A request that is repeated with the same Idempotency-Key sends nothing
        more and gets the first answer.
        """
        inbox = await self._services.inboxes.of(caller, body.inbox_id or request.query.get("inbox_id"))
        outgoing = await self._outgoing(caller, inbox, body)
        key = request.headers.get("Idempotency-Key")
        repeatable = None
        if key is not None:
            mark = send.fingerprint("gent", request.path, inbox.id, body.model_dump_json())
            repeatable = Repeatable(key, mark)
        if Scope.EMAIL_SEND in caller.requires_approval:
            raise errors.Held(await self._services.approvals.hold_send(caller, inbox, outgoing, repeatable))
        sent = await self._services.sending.send(caller, inbox, outgoing, repeatable)
        return shapes.SentExceptTo(
            message_id=present.message_id(sent.message_id),
            thread_id=present.thread_id(sent.thread_id),
            suppressed=list(sent.suppressed) or None,
        )

    @get("/messages/", scope=Scope.EMAIL_READ)
    async def list_messages(self, caller: Caller, query: shapes.ListMessages) -> shapes.MessageList:
        """List messages, newest first."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        zone = times.zone(inbox.default_timezone)
        listing = Listing(
            query=searching.parse(query.q, lambda text: _moment(text, zone)) if query.q is not None else None,
            folder=query.folder, mailbox_id=query.mailbox_id,
            after=times.read(query.after, zone, "after"), before=times.read(query.before, zone, "before"),
            unread=query.unread, starred=query.starred, position=query.position, limit=query.limit,
        )  # fmt: skip
        page = await self._services.messages.page(caller, inbox, listing)
        ids = [summary.id for summary in page.items]
        suggested = await self._services.enrichment.suggestions.of(inbox.id, ids)
        return shapes.MessageList.model_construct(
            results=[present.row(summary, zone, suggested.get(summary.id)) for summary in page.items],
            total=page.total or 0,
            position=page.position,
            limit=page.limit,
        )

    @get("/messages/{message_id}/", scope=Scope.EMAIL_READ)
    async def get_message(self, caller: Caller, message_id: str, query: shapes.OfInbox) -> shapes.MessageShown:
        """Get a message, by its id or its Message-ID."""
        inbox = await self._inbox(caller, query)
        summary = await self._services.messages.get(caller, message_id, inbox)
        body = await self._services.messages.body(summary)
        zone = times.zone((await self._services.inboxes.of(caller, summary.inbox_address)).default_timezone)
        suggested = await self._services.enrichment.suggestions.of(summary.inbox_id, [summary.id])
        return present.message(summary, body, zone, suggested.get(summary.id))

    @patch("/messages/{message_id}/", scope=Scope.EMAIL_WRITE, status=204)
    async def update_message(
        self, caller: Caller, message_id: str, body: shapes.UpdateMessage, query: shapes.OfInbox
    ) -> None:
        """Update a message: read, starred, folder."""
        wanted = body.inbox_id or query.inbox_id
        inbox = await self._inbox_of_message(caller, message_id, wanted)
        update = Update(body.mark_read, body.mark_starred, body.mailbox_id)
        await self._services.messages.update(caller, inbox, message_id, update)

    @delete(
        "/messages/{message_id}/", scope=Scope.EMAIL_DELETE, status=204, holds=True,
        answers={202: "Held for an approval: `queued` and `approval_id`."},
    )  # fmt: skip
    async def delete_message(self, caller: Caller, message_id: str, query: shapes.OfInbox) -> None:
        """Delete a message: to Trash first, from there for good."""
        inbox = await self._inbox_of_message(caller, message_id, query.inbox_id)
        if Scope.EMAIL_DELETE in caller.requires_approval:
            raise errors.Held(await self._services.approvals.hold_delete(caller, inbox, message_id))
        await self._services.messages.delete(caller, inbox, message_id)

    @get("/messages/threads/{thread_id}/", scope=Scope.EMAIL_READ)
    async def get_thread(self, caller: Caller, thread_id: str, query: shapes.OfInbox) -> shapes.ThreadShown:
        """Get a thread: the ids of its messages, oldest first."""
        inbox = await self._inbox(caller, query)
        summary, members = await self._services.threads.get(caller, thread_id, inbox)
        return shapes.ThreadShown(
            id=present.thread_id(summary.id), email_ids=[present.message_id(member.id) for member in members]
        )

    async def _inbox(self, caller: Caller, query: shapes.OfInbox) -> Inbox | None:
        """The inbox that is named; None where any that the caller may see will do."""
        return await self._services.inboxes.of(caller, query.inbox_id) if query.inbox_id else None

    async def _inbox_of_message(self, caller: Caller, message_id: str, wanted: str | None) -> Inbox:
        if wanted:
            return await self._services.inboxes.of(caller, wanted)
        if caller.inbox_id is not None:
            return await self._services.inboxes.of(caller, None)
        summary = await self._services.messages.find(caller, message_id)
        return await self._services.inboxes.of(caller, summary.inbox_address)

    async def _outgoing(self, caller: Caller, inbox: Inbox, body: shapes.SendMessage) -> Outgoing:
        if body.text_body is None and body.html_body is None:
            sentence = "At least one of text_body and html_body is required."
            raise errors.Invalid(sentence, text_body=sentence)
        original = None
        if body.reply_to_message_id is not None:
            original = await self._services.messages.find(caller, body.reply_to_message_id, inbox)
        elif not (body.to or body.cc or body.bcc):
            raise errors.Invalid("The message has no recipient.", to="Required unless replying.")
        chosen = await self._services.inbox_keeping.settings(inbox)
        text, html = signatures.sign(body.text_body, body.html_body, chosen)
        return Outgoing(
            to=_people(body.to), cc=_people(body.cc), bcc=_people(body.bcc), reply_to=_people(body.reply_to),
            subject=body.subject, text=text, html=html,
            attachments=await self._blobs.files(caller, inbox, [each.blob_id for each in body.attachments]),
            reply_to_message=original,
        )  # fmt: skip


def _people(everyone: list[shapes.Recipient]) -> tuple[Person, ...]:
    return tuple(Person(each.email.strip(), each.name) for each in everyone)


def _moment(text: str, zone: tzinfo | None) -> int | None:
    """A time that was typed into a search; None for what is none."""
    try:
        return moments.read(text, zone, "q")
    except errors.Invalid:
        return None
