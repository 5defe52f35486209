"""Endpoints of threads that have to do with one another."""

from aiohttp import web

from mailserver.api.gent import present, tickets, times
from mailserver.api.gent.schemas import tickets as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.entities.ticket import TicketChange
from mailserver.http.routing import get, post
from mailserver.mail.address import Person
from mailserver.services.outbound import send, signatures
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.send import Repeatable
from mailserver.services.registry import Services


class ThreadsPage:
    """Threads that began beside others."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/messages/threads/{thread_id}/links/", scope=Scope.EMAIL_READ)
    async def list_links(self, caller: Caller, thread_id: str, query: OfInbox) -> shapes.LinkList:
        """List the threads that a thread has to do with, oldest link first."""
        inbox = await self._inbox(caller, thread_id, query.inbox_id)
        found = await self._services.team.links.of_thread(caller, thread_id, inbox)
        zone = times.zone(inbox.default_timezone)
        return shapes.LinkList(
            results=[
                shapes.LinkShown(
                    thread_id=present.thread_id(each.thread_id), kind=each.kind, subject=each.subject,
                    created_at=times.write(each.created_at, zone),
                )
                for each in found
            ]
        )  # fmt: skip

    @post(
        "/messages/threads/{thread_id}/fork/",
        scope=Scope.EMAIL_SEND,
        status=201,
        holds=True,
        answers={
            201: "Stored and queued, in a thread of its own.",
            202: "Held for an approval: `queued` and `approval_id`.",
            409: "The Idempotency-Key was used for another request.",
        },
    )
    async def fork_thread(
        self, caller: Caller, thread_id: str, body: shapes.ForkThread, request: web.Request
    ) -> shapes.Forked:
        """Start a related thread.

        The message is sent in a new thread, and both are linked; note and ticket are there with it or not at all. A
        request that is repeated with the same Idempotency-Key sends nothing more and gets the first answer.
        """
        inbox = await self._inbox(caller, thread_id, body.inbox_id or request.query.get("inbox_id"))
        if body.text_body is None and body.html_body is None:
            sentence = "At least one of text_body and html_body is required."
            raise errors.Invalid(sentence, text_body=sentence)
        text, html = signatures.sign(body.text_body, body.html_body, await self._services.inbox_keeping.settings(inbox))
        outgoing = Outgoing(
            to=tuple(Person(each.email.strip(), each.name) for each in body.to), subject=body.subject, text=text,
            html=html,
        )  # fmt: skip
        ticket = None
        if body.ticket is not None:
            ticket = TicketChange(priority=body.ticket.priority, class_label_key=body.ticket.class_label_key)
        key = request.headers.get("Idempotency-Key")
        repeatable = None
        if key is not None:
            repeatable = Repeatable(key, send.fingerprint("gent", request.path, inbox.id, body.model_dump_json()))
        forked = await self._services.team.forks.start(
            caller, inbox, thread_id, outgoing, body.note, ticket, repeatable
        )
        return shapes.Forked(
            message_id=present.message_id(forked.sent.message_id),
            thread_id=present.thread_id(forked.sent.thread_id),
            suppressed=list(forked.sent.suppressed) or None,
            forked_from=present.thread_id(forked.source_id),
            ticket=tickets.shown(forked.ticket, times.zone(inbox.default_timezone)) if forked.ticket else None,
        )

    async def _inbox(self, caller: Caller, thread_id: str, wanted: str | None) -> Inbox:
        named = await self._services.inboxes.of(caller, wanted) if wanted else None
        return await self._services.team.tickets.inbox_of(caller, thread_id, named)
