"""Mail from our own queue for our own inboxes: the same journal as port 25's, without the network."""

import asyncio
import time
from concurrent.futures import Executor
from pathlib import Path

import structlog

from mailserver.entities import errors
from mailserver.entities.delivery import Deferred, Delivered, Failed, FailureKind, Outcome
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource
from mailserver.entities.rule import NO_RULING
from mailserver.mail import address as addresses
from mailserver.mail import headers, trace
from mailserver.mail.reply import Reply
from mailserver.services.inbound.judgement import Judge, blocked
from mailserver.services.inbound.routing import Route, Routing
from mailserver.services.mailbox.acceptance import HEAD_BYTES, Acceptance, Content
from mailserver.storage.records import Copy, Record

HERE = "localhost"
READ_BYTES = 256 << 10
log = structlog.get_logger()


class LocalDelivery:
    """Hands queued messages to our own inboxes."""

    def __init__(
        self,
        routing: Routing,
        acceptance: Acceptance,
        judge: Judge,
        ids: IdSource,
        executor: Executor,
        most_hops: int,
    ) -> None:
        self._routing = routing
        self._acceptance = acceptance
        self._judge = judge
        self._ids = ids
        self._executor = executor
        self._most_hops = most_hops

    async def is_local(self, domain: str) -> bool:
        """Whether mail for a domain stays on this server."""
        return await self._routing.is_local(domain)

    async def deliver(self, message: bytes | Path, sender: str, recipient: str, delivery_id: int = 0) -> Outcome:
        """Store a message for one recipient; `sender` is '' for the null sender.

        The copy takes the delivery's id, so that a repetition after a crash stores nothing twice.
        """
        now = int(time.time() * 1000)
        try:
            address = addresses.parse(recipient)
            route = await self._routing.find(address)
            await self._store(message, sender, recipient, route, delivery_id)
        except (errors.UnknownRecipient, errors.RelayDenied, addresses.AddressError) as error:
            return Failed(now, FailureKind.REFUSED, Reply(550, "5.1.1", str(error)), HERE)
        except errors.MessageLoop as error:
            return Failed(now, FailureKind.NO_ROUTE, Reply(554, "5.4.6", error.message), HERE)
        except errors.Temporary as error:
            return Deferred(now, Reply(451, "4.3.0", error.message), HERE)
        except OSError as error:
            log.error("queue.message.unreadable", error=str(error))
            return Deferred(now, Reply(451, "4.3.0", "The stored message cannot be read"), HERE)
        return Delivered(now, HERE, Reply(250, "2.1.5", "Delivered here"), "local")

    async def _store(self, message: bytes | Path, sender: str, recipient: str, route: Route, delivery_id: int) -> None:
        content = self._acceptance.content()
        try:
            await self._fill(content, message)
            fields, _ = headers.split(content.head()[:HEAD_BYTES])
            normal = addresses.parse(recipient).normal
            if trace.hops(fields) > self._most_hops or normal in trace.delivered_to_addresses(fields):
                raise errors.MessageLoop
            copies: list[Copy] = []
            for destination in route.destinations:
                if destination.is_active:
                    number = delivery_id if delivery_id and not copies else self._ids.next()
                    copies.append(
                        Copy(number, destination.inbox_id, destination.tenant_id, Role.INBOX.value, recipient=recipient)
                    )
            if not copies:
                return  # a report to one of our own return paths: its cause has recorded it
            reverse = addresses.parse(sender) if sender else None
            rulings = await self._judge.rulings(copies, reverse, fields)
            copies = [blocked(copy, rulings.get(copy.inbox_id, NO_RULING)) for copy in copies]
            head = trace.return_path(reverse) + trace.delivered_to(recipient)
            await self._acceptance.commit(content, head, Record(tuple(copies), int(time.time() * 1000), 0))
        finally:
            content.discard()

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
