"""The ordered steps from envelope to a promise: mail from strangers for our own recipients."""

import time
from collections.abc import Awaitable
from dataclasses import replace
from typing import Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.mail import results, spam_status, trace
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope
from mailserver.services.inbound import forwarding, routing
from mailserver.services.inbound.forwarding import Forwarding, PassedOn
from mailserver.services.inbound.judgement import Judge, Judged
from mailserver.services.inbound.routing import Route, Routing
from mailserver.services.inbound.wishes import Settled, Wishes
from mailserver.services.mailbox.acceptance import Acceptance, Content
from mailserver.services.sieve.running import Circumstances
from mailserver.storage.records import Copy, Record

SLOT_BYTES = 1792  # that a spool leaves for a head whose fields are known only at the message's end
REPORT = b"multipart/report"  # RFC 6522: bounces have no sender, complaints mostly have one
log = structlog.get_logger()


class Room(Protocol):
    """Knows whether the disk can take more."""

    @property
    def is_there(self) -> bool:
        """Whether another message can be accepted."""
        ...


class Reports(Protocol):
    """Recognises what other servers report about our mail."""

    async def recognise(
        self, envelope: Envelope, content: Content, delivery_ids: tuple[int, ...]
    ) -> tuple[str | None, tuple[tuple[int, int], ...]]:
        """What the message reports, as JSON for `apply`, and the inboxes that get it though nobody addressed them."""
        ...


class Reception:
    """Port 25's service. One for the process."""

    def __init__(
        self,
        routes: Routing,
        acceptance: Acceptance,
        reports: Reports,
        judge: Judge | None,
        room: Room,
        ids: IdSource,
        hostname: str,
        most_hops: int,
        forwards: Forwarding,
        wishes: Wishes,
    ) -> None:
        self._routing = routes
        self._wishes = wishes
        self._forwards = forwards
        self._acceptance = acceptance
        self._reports = reports
        self._judge = judge
        self._room = room
        self._ids = ids
        self._hostname = hostname
        self._most_hops = most_hops

    def known(self, address: Address) -> bool | None:
        """Whether mail for an address is taken, where memory knows."""
        route = self._routing.cached(address)
        if route is None:
            return None
        return True if _takes_mail(route) else None

    async def route(self, address: Address) -> None:
        """Look an address up; UnknownRecipient, RelayDenied or RecipientBusy where no mail is taken for it."""
        await self._routing.find(address)

    def room(self) -> bool:
        """Whether the disk can take another message."""
        return self._room.is_there

    def begin(self, envelope: Envelope) -> "Arrival":
        """Start to take a message."""
        return Arrival(self, self._acceptance.content(), envelope)

    def foresee(self, envelope: Envelope, content: Content) -> int:
        """Let the spool of a large message begin with room for its head, so that it need not be copied; its id."""
        message_id = self._ids.next()
        head = self._head(envelope, identifiers.encode(Kind.MESSAGE, message_id), time.time(), b"")
        content.prefix = head if self._judge is None else trace.stretched(head, SLOT_BYTES) or head
        return message_id

    def accept(self, envelope: Envelope, content: Content, foreseen: int = 0) -> Awaitable[str]:
        """Take responsibility for a message, or refuse it; the id that its trace has.

        What needs nothing but memory and the journal is on its way there when this returns, and needs no task.
        """
        routes = self._known_routes(envelope)
        if content.is_spooled or envelope.sender is None or routes is None or self._must_be_judged(routes, content):
            return self._accept_later(envelope, content, foreseen)
        self._refuse_loops(envelope, content)
        copies = self._copies(routes, envelope.sender)
        if not copies:
            raise errors.UnknownRecipient
        received_at = time.time()
        queue_id = identifiers.encode(Kind.MESSAGE, copies[0].message_id)
        head = self._head(envelope, queue_id, received_at, b"")
        record = Record(tuple(copies), int(received_at * 1000), len(head) + content.size)
        return self._acceptance.promise(content, head, record, queue_id)

    def _must_be_judged(self, routes: list[tuple[Address, Route]], content: Content) -> bool:
        """Whether anything has an opinion of this message, or a field of it claims to be ours."""
        if self._judge is None:
            return False
        tenants = {each.tenant_id for _, route in routes for each in route.destinations}
        return not self._judge.has_nothing_to_say(tenants) or results.NAME.lower() in content.head().lower()

    async def _accept_later(self, envelope: Envelope, content: Content, foreseen: int) -> str:
        """The same for what has to be judged, looked up, read as a report, or moved from its spool."""
        try:
            return await self._accept(envelope, content, foreseen)
        finally:
            content.discard()

    async def _accept(self, envelope: Envelope, content: Content, foreseen: int) -> str:
        routes = await self._routes(envelope)
        if envelope.sender is not None and any(route.back for _, route in routes):
            raise errors.UnknownRecipient  # only a bounce goes back to whom a forwarded message came from
        self._refuse_loops(envelope, content)
        self._refuse_returned(content, routes)
        copies = self._copies(routes, envelope.sender) + self._forwards.stand_ins(routes)
        report = None
        delivery_ids = tuple(route.delivery_id for _, route in routes if route.delivery_id is not None)
        if envelope.sender is None or delivery_ids or REPORT in content.head().lower():
            report, extra = await self._reports.recognise(envelope, content, delivery_ids)
            copies = self._with(copies, extra)
        if not copies:
            raise errors.UnknownRecipient
        if foreseen:
            copies[0] = replace(copies[0], message_id=foreseen)
        received_at = time.time()
        queue_id = identifiers.encode(Kind.MESSAGE, copies[0].message_id)
        judged = Judged(copies)
        if self._judge is not None:
            judged = await self._judge.judge(envelope, content, copies, queue_id)
        by_list = routing.list_head((route for _, route in routes), content.headers())
        head = self._head(envelope, queue_id, received_at, judged.fields + by_list)
        is_doubtful = judged.report is not None and forwarding.is_doubtful(judged.report)
        settled = Settled(judged.copies, routes)
        if report is None:  # what tells of our own mail is no script's business
            came = Circumstances(is_doubtful)
            settled = await self._wishes.settle(envelope, content, judged.copies, routes, came)
        passed = PassedOn(settled.copies)
        if any(route.forwards or route.back for _, route in settled.routes):
            letter = forwarding.letter(envelope, content, len(head) + content.size, judged.report)
            passed = await self._forwards.build(letter, settled.copies, settled.routes)
        _tell_of_forward(queue_id, passed)
        if not passed.copies and passed.queued is None and len(settled.copies) == len(judged.copies):
            raise errors.LooksLikeJunk  # a bounce that is none, for somebody who is not here
        await self._wishes.tell(settled)
        if not passed.copies and passed.queued is None:
            return queue_id  # every inbox has discarded it, or refused it and says so by a letter
        record = Record(
            tuple(passed.copies), int(received_at * 1000), 0, report=report, queued=passed.queued,
            deliveries=passed.deliveries,
        )  # fmt: skip
        await self._commit(content, head, record)
        return queue_id

    async def _commit(self, content: Content, head: bytes, record: Record) -> None:
        """Store the message without the fields by which a stranger speaks in our name (RFC 8601 5)."""
        content.headers()
        block = content.head()[: content.body_offset]
        kept = spam_status.without_foreign(results.without_ours(block, self._hostname)) if self._judge else block
        if kept != block:
            await self._acceptance.commit(content, head + kept, record, skip=content.body_offset)
            return
        if content.prefix:
            head = trace.stretched(head, len(content.prefix)) or head
        await self._acceptance.commit(content, head, record)

    def _known_routes(self, envelope: Envelope) -> list[tuple[Address, Route]] | None:
        """The routes, where memory knows them all and none is a return path of ours."""
        found = []
        for recipient in envelope.recipients:
            route = self._routing.cached(recipient.address)
            if route is None or not route.is_plain:
                return None
            found.append((recipient.address, route))
        return found

    async def _routes(self, envelope: Envelope) -> list[tuple[Address, Route]]:
        """The routes as they are now: an inbox may have gone since its RCPT."""
        found = []
        for recipient in envelope.recipients:
            route = self._routing.cached(recipient.address)
            if route is None:
                route = await self._routing.find(recipient.address)
            found.append((recipient.address, route))
        return found

    def _refuse_loops(self, envelope: Envelope, content: Content) -> None:
        """RFC 5321 6.3: too many hops, or an address of ours that has had it already."""
        if not trace.may_loop(content.head(), self._most_hops):
            return
        head = content.headers()
        if trace.hops(head) > self._most_hops:
            raise errors.MessageLoop
        seen = trace.delivered_to_addresses(head)
        if seen and any(recipient.address.normal in seen for recipient in envelope.recipients):
            raise errors.MessageLoop

    def _refuse_returned(self, content: Content, routes: list[tuple[Address, Route]]) -> None:
        """What an inbox has passed on and gets again from there goes round in a circle."""
        if any(route.returns_to_list(content.headers()) for _, route in routes if route.through is not None):
            raise errors.MessageLoop
        passed_on = {name for _, route in routes for one in route.forwards for name in (one.mark, one.inbox_address)}
        if passed_on and passed_on & trace.delivered_to_addresses(content.headers()):
            raise errors.MessageLoop

    def _copies(self, routes: list[tuple[Address, Route]], sender: Address | None) -> list[Copy]:
        """One copy for each inbox, however many of its addresses were named."""
        copies: dict[int, Copy] = {}
        for address, route in routes:
            for destination in route.reached(sender):
                if destination.is_active and destination.inbox_id not in copies:
                    copies[destination.inbox_id] = Copy(
                        self._ids.next(), destination.inbox_id, destination.tenant_id, Role.INBOX.value,
                        recipient=str(address),
                    )  # fmt: skip
        return list(copies.values())

    def _with(self, copies: list[Copy], extra: tuple[tuple[int, int], ...]) -> list[Copy]:
        """Add the inboxes that a report is for."""
        there = {copy.inbox_id for copy in copies}
        return copies + [
            Copy(self._ids.next(), inbox_id, tenant_id, Role.INBOX.value)
            for inbox_id, tenant_id in extra
            if inbox_id not in there
        ]

    def _head(self, envelope: Envelope, queue_id: str, at: float, fields: bytes) -> bytes:
        """The fields that this server puts before the message."""
        only = str(envelope.recipients[0].address) if len(envelope.recipients) == 1 else None
        head = trace.return_path(envelope.sender)
        if only:
            head += trace.delivered_to(only)
        return head + fields + trace.received(envelope=envelope, by=self._hostname, id=queue_id, at=at, for_=only)


class Arrival:
    """One message that a peer is sending."""

    def __init__(self, reception: Reception, content: Content, envelope: Envelope) -> None:
        self._reception = reception
        self._content = content
        self._envelope = envelope
        self._foreseen = 0
        self.add = content.add
        self.discard = content.discard

    async def flush(self) -> None:
        """Write what is held in memory to disk."""
        if not self._foreseen:
            self._foreseen = self._reception.foresee(self._envelope, self._content)
        await self._content.flush()

    def accept(self, envelope: Envelope) -> Awaitable[str]:
        """Take responsibility for it, or refuse it."""
        try:
            return self._reception.accept(envelope, self._content, self._foreseen)
        except BaseException:
            self._content.discard()
            raise


def _tell_of_forward(queue_id: str, passed: PassedOn) -> None:
    if passed.queued is not None:
        log.info("inbound.message.forwarded", queue_id=queue_id, onward_queue_id=passed.queued.queue_id)


def _takes_mail(route: Route) -> bool:
    try:
        routing.refuse(route)
    except errors.ServiceError:
        return False
    return True
