"""Sends reports that wait: by mail through the ordinary queue, or by HTTPS. For a day, then it gives up."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.report import ReportKind, ReportState, StoredReport
from mailserver.fetch import Fetched, FetchFailed
from mailserver.mail import report_letter
from mailserver.mail.envelope import Recipient
from mailserver.mail.report_letter import Letter
from mailserver.mail.report_uri import Destination
from mailserver.mail.resolver import LookupFailed
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.outbound.enqueue import Enqueue, Terms
from mailserver.services.reporting.destinations import Destinations, NoConsent
from mailserver.services.reporting.sender import Author, Sender
from mailserver.storage import reporting
from mailserver.storage.database import Database, Transaction
from mailserver.storage.ingest import StoredMessage
from mailserver.storage.records import Record

SOURCE = "report"
DAY_MS = 86_400_000  # RFC 8460 5.5: what cannot be sent within a day is not sent
RETRY_MS = 900_000
LONGEST_RETRY_MS = 4 * 3_600_000
AT_ONCE = 500
SIDE_BY_SIDE = 8
POST_SECONDS = 30.0
POST_LIMIT_BYTES = 64 << 10
_TRY_LATER = frozenset({408, 425, 429})
log = structlog.get_logger()


class Web(Protocol):
    """Posts to web servers of others."""

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], limit_bytes: int, timeout_seconds: float
    ) -> Fetched:
        """Post a body; FetchFailed where there is no answer."""
        ...


class _Later(Exception):
    """It cannot be sent now; the sentence says why."""


class _Never(Exception):
    """It cannot be sent at all."""


class _Settled(Exception):
    """Another has sent it meanwhile."""


class Dispatch:
    """One for the process."""

    def __init__(
        self,
        database: Database,
        ingest: Ingest,
        enqueue: Enqueue,
        sender: Sender,
        destinations: Destinations,
        web: Web,
        executor: Executor,
        hostname: str,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._ingest = ingest
        self._enqueue = enqueue
        self._sender = sender
        self._destinations = destinations
        self._web = web
        self._executor = executor
        self._hostname = hostname
        self._clock = clock

    async def run(self) -> int:
        """Send what is due; how many reports found their way."""
        sent = 0
        gate = asyncio.Semaphore(SIDE_BY_SIDE)
        while found := await self._database.read(reporting.due, self._clock(), AT_ONCE):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._try(report, gate)) for report in found]
            sent += sum(task.result() for task in tasks)
        return sent

    async def _try(self, report: StoredReport, gate: asyncio.Semaphore) -> bool:
        """Send one, or say why not: whatever comes of it, it is not due any more."""
        try:
            async with gate:
                await self._send(report)
        except _Settled:
            return False
        except (_Never, NoConsent, ValueError) as error:
            await self._database.write(reporting.settle, report.id, ReportState.FAILED, str(error))
            log.warning("reporting.report.failed", **_named(report), why=str(error))
            return False
        except (_Later, errors.Temporary) as error:
            await self._database.write(self._postpone, report.id, str(error))
            log.info("reporting.report.deferred", **_named(report), why=str(error))
            return False
        log.info("reporting.report.sent", **_named(report))
        return True

    async def _send(self, report: StoredReport) -> None:
        if self._clock() - report.created_at > DAY_MS:
            raise _Never(f"It was tried for a day. {report.note}".strip())
        destination = Destination(report.destination)
        if report.kind is ReportKind.DMARC:
            destination = await self._agreed(report, destination)
        file = await self._database.read(reporting.file, report.id)
        if file is None:
            raise _Settled
        if destination.is_https:
            await self._post(report, destination.uri, file)
        else:
            await self._mail(report, destination, file)

    async def _agreed(self, report: StoredReport, named: Destination) -> Destination:
        try:
            agreed = await self._destinations.agreed(report.domain, named)
        except LookupFailed as error:
            raise _Later(f"DNS does not say whether {named.host} takes reports about {report.domain}.") from error
        if agreed[0] != named:
            await self._database.write(reporting.redirect, report.id, agreed[0].uri)
        return agreed[0]

    async def _post(self, report: StoredReport, url: str, file: bytes) -> None:
        """RFC 8460 5.4."""
        try:
            answer = await self._web.post(
                url, file, headers={"Content-Type": "application/tlsrpt+gzip"}, limit_bytes=POST_LIMIT_BYTES,
                timeout_seconds=POST_SECONDS,
            )  # fmt: skip
        except FetchFailed as error:
            raise _Later(f"{error}.") from error
        sentence = f"The web server answered {answer.status}."
        if 400 <= answer.status < 500 and answer.status not in _TRY_LATER:
            raise _Never(sentence)
        if not 200 <= answer.status < 300:
            raise _Later(sentence)
        await self._database.write(reporting.settle, report.id, ReportState.POSTED, sentence)

    async def _mail(self, report: StoredReport, destination: Destination, file: bytes) -> None:
        """Put it into the queue, in the transaction that says so."""
        recipient = destination.recipient
        if recipient is None:
            raise _Never("The address cannot be written to.")
        author = await self._sender.author()
        if author is None:
            raise _Later("The sender of reports is no address of an inbox here.")
        loop = asyncio.get_running_loop()
        letter = self._letter(report, author, str(recipient), file)
        raw = await loop.run_in_executor(self._executor, report_letter.write, letter)
        subject = f"Report Domain: {report.domain} Submitter: {self._hostname}"
        queued, deliveries = self._enqueue.build(
            author.inbox, author.address, None, [Recipient(recipient)],
            Terms(SOURCE, letter.header_id, subject, len(raw)),
        )  # fmt: skip
        queued = replace(queued, expires_at=min(queued.expires_at, self._clock() + DAY_MS))
        record = Record((), self._clock(), len(raw), raw, None, queued, deliveries, is_news=False)

        def before(tx: Transaction) -> None:
            if reporting.file(tx, report.id) is None:
                raise _Settled

        def after(tx: Transaction, _stored: tuple[StoredMessage, ...]) -> None:
            reporting.settle(tx, report.id, ReportState.QUEUED, "", queued.id)

        await self._ingest.store(record, before, after)

    def _letter(self, report: StoredReport, author: Author, recipient: str, file: bytes) -> Letter:
        own = identifiers.encode(Kind.REPORT, report.id).replace("_", ".").lower()
        return Letter(
            kind=report.kind.value,
            domain=report.domain,
            submitter=self._hostname,
            report_id=report.report_id,
            unique=report.report_id.partition("@")[0],
            begin=report.begin_at // 1000,
            end=report.end_at // 1000,
            organization=report.organization,
            sender=author.address,
            recipient=recipient,
            header_id=f"<{own}@{author.domain}>",
            at=self._clock() // 1000,
            file=file,
        )

    def _postpone(self, tx: Transaction, report_id: int, note: str) -> None:
        wait = min(RETRY_MS << min(reporting.attempts(tx, report_id), 8), LONGEST_RETRY_MS)
        reporting.postpone(tx, report_id, self._clock() + wait, note)


def _named(report: StoredReport) -> dict[str, str]:
    return {
        "report_id": identifiers.encode(Kind.REPORT, report.id),
        "kind": report.kind.value,
        "domain": report.domain,
        "host": Destination(report.destination).host,
    }
