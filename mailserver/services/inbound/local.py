"""Mail from our own queue for our own inboxes: the same journal as port 25's, without the network.

An inbox that forwards passes on from here too, as from port 25. Loops end because every inbox, and every address that
one forwards to, is named in Delivered-To.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import structlog

from mailserver.entities import errors
from mailserver.entities.delivery import BOUNCE, FORWARD, Deferred, Delivered, Failed, FailureKind, Job, Outcome
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource
from mailserver.entities.rule import NO_RULING
from mailserver.mail import address as addresses
from mailserver.mail import auto, headers, trace
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope, Peer, Recipient
from mailserver.mail.headers import Headers
from mailserver.mail.reply import Reply
from mailserver.services.inbound import reports, routing
from mailserver.services.inbound.forwarding import Forwarding, Letter
from mailserver.services.inbound.judgement import Judge, blocked
from mailserver.services.inbound.routing import Route, Routing
from mailserver.services.inbound.wishes import Wishes
from mailserver.services.mailbox.acceptance import HEAD_BYTES, Acceptance, Content
from mailserver.services.sieve.running import Circumstances
from mailserver.storage import deliveries
from mailserver.storage.database import Database
from mailserver.storage.records import Copy, Record

HERE = "localhost"
READ_BYTES = 256 << 10
MOST_DELIVERIES = 10  # of one message to inboxes here, one after the other
OURSELVES = Peer("127.0.0.1", 0, HERE, esmtp=True)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A message for one recipient. `sender` is None for the null sender, `job` for what the queue does not know."""

    sender: Address | None
    recipient: Address
    route: Route
    delivery_id: int
    job: Job | None
    report: str | None = None

    @property
    def passed_on_by(self) -> str | None:
        """The inbox that passed it on to us."""
        return self.job.message.forwarded_by if self.job else None

    @property
    def goes_on_for(self) -> int:
        """The inbox that has its copy, and for which the message is only to be passed on; 0 for none."""
        if self.job is None or not self.job.message.is_passed_on:
            return 0
        (delivery,) = self.job.deliveries
        goes_on = any(one.inbox_id == delivery.inbox_id for one in self.route.forwards) or (
            self.route.is_scripted and any(each.inbox_id == delivery.inbox_id for each in self.route.destinations)
        )
        return delivery.inbox_id if goes_on else 0


class LocalDelivery:
    """Hands queued messages to our own inboxes."""

    def __init__(
        self,
        database: Database,
        routing: Routing,
        acceptance: Acceptance,
        judge: Judge,
        forwards: Forwarding,
        wishes: Wishes,
        ids: IdSource,
        executor: Executor,
        most_hops: int,
    ) -> None:
        self._database = database
        self._routing = routing
        self._acceptance = acceptance
        self._judge = judge
        self._forwards = forwards
        self._wishes = wishes
        self._ids = ids
        self._executor = executor
        self._most_hops = most_hops

    async def is_local(self, domain: str) -> bool:
        """Whether mail for a domain stays on this server."""
        return await self._routing.is_local(domain)

    async def deliver(
        self, message: bytes | Path, sender: str, recipient: str, delivery_id: int = 0, about: Sequence[int] = ()
    ) -> Outcome:
        """Store a message for one recipient; `sender` is '' for the null sender.

        The copy takes the delivery's id, so that a repetition after a crash stores nothing twice. `about` are the
        deliveries that the message reports on.
        """
        now = int(time.time() * 1000)
        try:
            address = addresses.parse(recipient)
            route = await self._routing.find(address)
            job = await self._database.read(deliveries.get, delivery_id) if delivery_id else None
            reverse = addresses.parse(sender) if sender else None
            if route.back is not None and reverse is not None:
                raise errors.UnknownRecipient  # noqa: TRY301  only a bounce goes back to whom a message came from
            told = reports.own(about) if about else None
            await self._store(message, _Arrival(reverse, address, route, delivery_id, job, told))
        except (errors.UnknownRecipient, errors.RelayDenied, addresses.AddressError) as error:
            return Failed(now, FailureKind.REFUSED, Reply(550, "5.1.1", str(error)), HERE)
        except errors.RefusedByRecipient as error:
            # RFC 3463 3.7: it is about this message, and the address may be written to again.
            return Failed(now, FailureKind.POLICY, Reply(550, "5.6.0", error.message), HERE)
        except errors.MessageLoop as error:
            return Failed(now, FailureKind.NO_ROUTE, Reply(554, "5.4.6", error.message), HERE)
        except errors.Temporary as error:
            return Deferred(now, Reply(451, "4.3.0", error.message), HERE)
        except OSError as error:
            log.error("queue.message.unreadable", error=str(error))
            return Deferred(now, Reply(451, "4.3.0", "The stored message cannot be read"), HERE)
        return Delivered(now, HERE, Reply(250, "2.1.5", "Delivered here"), "local")

    async def _store(self, message: bytes | Path, arrival: _Arrival) -> None:
        content = self._acceptance.content()
        try:
            await self._fill(content, message)
            fields, _ = headers.split(content.head()[:HEAD_BYTES])
            self._refuse_loops(fields, arrival)
            copies = self._copies(arrival)
            if not copies and arrival.route.back is None:
                return  # a report to one of our own return paths: its cause has recorded it
            rulings = await self._judge.rulings(copies, arrival.sender, fields)
            copies = [blocked(copy, rulings.get(copy.inbox_id, NO_RULING)) for copy in copies]
            head = trace.return_path(arrival.sender) + trace.delivered_to(arrival.recipient)
            head += routing.list_head([arrival.route], fields)
            if (
                arrival.passed_on_by
                and not arrival.goes_on_for
                and arrival.passed_on_by not in trace.delivered_to_addresses(fields)
            ):
                head += trace.delivered_to(arrival.passed_on_by)
            letter = _letter(arrival, content, fields, len(head))
            settled = await self._wishes.settle(
                letter.envelope, content, copies, [(arrival.recipient, arrival.route)],
                Circumstances(
                    only_goes_on=bool(arrival.goes_on_for),
                    had_by=frozenset({arrival.passed_on_by} if arrival.passed_on_by else ()),
                ),
            )  # fmt: skip
            passed = await self._forwards.build(letter, settled.copies, settled.routes)
            await self._wishes.tell(settled)
            stored = () if arrival.goes_on_for else tuple(passed.copies)
            if not stored and passed.queued is None:
                return
            record = Record(
                stored, int(time.time() * 1000), 0, queued=passed.queued, deliveries=passed.deliveries,
                report=arrival.report if stored else None,
            )  # fmt: skip
            await self._acceptance.commit(content, head, record, skip=_return_path_length(content.head()))
        finally:
            content.discard()

    def _refuse_loops(self, fields: Headers, arrival: _Arrival) -> None:
        seen = trace.delivered_to_addresses(fields)
        if trace.hops(fields) > self._most_hops or len(seen) > MOST_DELIVERIES:
            raise errors.MessageLoop
        if arrival.goes_on_for:
            return  # its own Delivered-To stands there already
        if arrival.recipient.normal in seen or arrival.route.returns_to_list(fields):
            raise errors.MessageLoop
        if arrival.passed_on_by is not None:
            seen.add(arrival.passed_on_by)
        if any(one.mark in seen or one.inbox_address in seen for one in arrival.route.forwards):
            raise errors.MessageLoop

    def _copies(self, arrival: _Arrival) -> list[Copy]:
        copies: list[Copy] = []
        for destination in arrival.route.reached(arrival.sender):
            if not destination.is_active or arrival.goes_on_for not in (0, destination.inbox_id):
                continue
            number = arrival.delivery_id if arrival.delivery_id and not copies else self._ids.next()
            copies.append(
                Copy(
                    number, destination.inbox_id, destination.tenant_id, Role.INBOX.value,
                    recipient=str(arrival.recipient),
                )
            )  # fmt: skip
        return copies

    async def _fill(self, content: Content, message: bytes | Path) -> None:
        if isinstance(message, bytes):
            if content.add(message):
                await content.flush()
            return
        loop = asyncio.get_running_loop()
        file = await loop.run_in_executor(self._executor, message.open, "rb")
        try:
            while chunk := await loop.run_in_executor(self._executor, file.read, READ_BYTES):
                if content.add(chunk):
                    await content.flush()
        finally:
            file.close()


def _return_path_length(head: bytes) -> int:
    """How much of a message is the Return-Path of an earlier delivery here; there is one only (RFC 5321 4.4)."""
    return head.find(b"\n") + 1 if head[:12].lower() == b"return-path:" else 0


def _letter(arrival: _Arrival, content: Content, fields: Headers, added: int) -> Letter:
    """What forwarding has to know of a message from our own queue: what its sender had asked for goes on with it."""
    job = arrival.job
    recipient, message = Recipient(arrival.recipient), None
    if job is not None:
        (delivery,) = job.deliveries
        recipient, message = Recipient(arrival.recipient, delivery.notify, delivery.orcpt), job.message
    ids = headers.message_ids(fields.first("message-id") or b"")
    is_foreign = message is None or message.source in (FORWARD, BOUNCE)
    return Letter(
        Envelope(
            OURSELVES, arrival.sender, (recipient,), require_tls=message.require_tls if message else False,
            ret=message.ret if message else None, envid=message.envid if message else None,
        ),
        message.header_id if message else ids[0] if ids else "",
        message.subject if message else headers.decode(fields.first("subject") or b""),
        content.size + added,
        eight_bit=not content.is_ascii,
        smtputf8=message.smtputf8 if message else not content.head()[:HEAD_BYTES].isascii(),
        is_automatic=auto.is_automatic(fields),
        author_domain=None if is_foreign or message is None else message.domain,
        queued_id=arrival.delivery_id,
    )  # fmt: skip
