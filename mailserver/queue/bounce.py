"""Tell a local sender what became of a message (RFC 3464), by the rules of RFC 3461."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path

import structlog

from mailserver.entities import identifiers
from mailserver.entities.delivery import BOUNCE, BROADCAST, Deferred, Delivered, Delivery, Outcome, QueuedMessage
from mailserver.entities.identifiers import Kind
from mailserver.mail import address, auto, dsn, headers
from mailserver.mail.dsn import ReportedRecipient
from mailserver.queue.local import LocalDelivery

_WANTED_BY = {"failed": "FAILURE", "delayed": "DELAY", "delivered": "SUCCESS", "relayed": "SUCCESS"}
NEVER = "NEVER"
_SAID_BY_DEFAULT = ("failed", "delayed")  # RFC 3461 4.1: what a sender is told who did not ask

log = structlog.get_logger()


class Undeliverable(Exception):
    """The report cannot be stored now; what it reports has to wait."""


class Bounces:
    """Writes reports and puts them into the sender's inbox."""

    def __init__(
        self, hostname: str, mail_directory: Path, local: LocalDelivery, executor: Executor, clock: Callable[[], int]
    ) -> None:
        self._hostname = hostname
        self._mail_directory = mail_directory
        self._local = local
        self._executor = executor
        self._clock = clock

    async def report(
        self,
        kind: str,
        message: QueuedMessage,
        told: Sequence[tuple[Delivery, Outcome]],
        occasion: str = "",
        *,
        is_asked: bool = False,
    ) -> None:
        """Report on those recipients for which the sender wants to know; Undeliverable where it has to be tried again.

        `kind` is failed, delayed, delivered or relayed. A repeated report has the same Message-ID; one of the same kind
        on another `occasion` has not. `is_asked`: the sender wants it in any case but NOTIFY=NEVER (RFC 2852 4.1.4).
        """
        wanted = [
            (delivery, outcome)
            for delivery, outcome in told
            if (is_asked and delivery.notify != NEVER) or is_wanted(kind, delivery.notify)
        ]
        if not wanted or not await self._may_be_told(message):
            return
        raw = await asyncio.get_running_loop().run_in_executor(
            self._executor, self._write, kind, message, wanted, occasion or kind
        )
        if raw is None:
            return
        numbers = [delivery.id for delivery, _ in wanted]
        outcome = await self._local.deliver(raw, "", message.sender, about=numbers)
        log.info(
            "queue.report.sent", kind=kind, queue_id=message.queue_id, deliveries=len(numbers), reply=str(outcome.reply)
        )
        if isinstance(outcome, Deferred):
            raise Undeliverable(str(outcome.reply))

    async def _may_be_told(self, message: QueuedMessage) -> bool:
        """Never a report about a report, nor to a stranger whose name may be forged; a broadcast counts instead."""
        if not message.sender or message.source in (BOUNCE, BROADCAST):
            return False
        try:
            domain = address.parse(message.sender).domain
        except address.AddressError:
            return False
        return await self._local.is_local(domain)

    def _write(
        self, kind: str, message: QueuedMessage, told: Sequence[tuple[Delivery, Outcome]], occasion: str
    ) -> bytes | None:
        """The report; None where the message was written by a program that must get none (RFC 3834 2)."""
        original = self._original(message)
        head, _ = headers.split(original)
        if auto.is_automatic(head):
            return None
        first = identifiers.encode(Kind.DELIVERY, told[0][0].id)
        return dsn.write(
            reporting_mta=self._hostname,
            to=message.sender,
            from_=f"mailer-daemon@{self._hostname}",
            header_id=f"<{occasion}.{first}@{self._hostname}>",
            at=self._clock(),
            arrival_at=message.created_at,
            envid=message.envid,
            recipients=[_reported(kind, message, delivery, outcome) for delivery, outcome in told],
            original=original,
            ret_full=message.ret == "FULL",
            kind=kind,
            smtputf8=message.smtputf8,
            release_at=message.release_at,
            deliver_by_at=message.by_at,
        )

    def _original(self, message: QueuedMessage) -> bytes:
        """As much of the message as a report may carry; its loss does not keep the sender from knowing."""
        try:
            with (self._mail_directory / message.location).open("rb") as file:
                return file.read(dsn.MAX_RETURNED + 1)
        except OSError as error:
            log.error("queue.message.unreadable", queue_id=message.queue_id, error=str(error))
            return f"Message-ID: {message.header_id}\r\n\r\n".encode()


def is_wanted(kind: str, notify: str | None) -> bool:
    """Whether a recipient's NOTIFY asks for this kind of report (RFC 3461 4.1)."""
    if notify is None:
        return kind in _SAID_BY_DEFAULT
    return _WANTED_BY[kind] in notify.upper().split(",")


def _reported(kind: str, message: QueuedMessage, delivery: Delivery, outcome: Outcome) -> ReportedRecipient:
    reply = outcome.reply
    status_class = "2" if isinstance(outcome, Delivered) else "4" if isinstance(outcome, Deferred) else "5"
    status = reply.enhanced if reply.enhanced.startswith(status_class) else f"{status_class}.0.0"
    return ReportedRecipient(
        address=delivery.recipient,
        action=kind,
        status=status,
        diagnostic=reply.line,
        remote_mta=outcome.host or None,
        original=delivery.orcpt,
        last_attempt_at=outcome.at,
        retry_until=message.expires_at if kind == "delayed" else None,
    )
