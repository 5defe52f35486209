"""Closes days: what was counted becomes reports, one for each destination, exactly once among all nodes."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta

import orjson
import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.report import Direction, ReportKind, ReportState, Seen, StoredReport, Tally
from mailserver.mail import report_file, report_letter, report_uri
from mailserver.mail.report_uri import Destination
from mailserver.mail.resolver import LookupFailed
from mailserver.services.reporting import writing
from mailserver.services.reporting.collector import Collector
from mailserver.services.reporting.destinations import Destinations
from mailserver.services.reporting.dispatch import Dispatch
from mailserver.services.reporting.sender import Sender
from mailserver.services.reporting.writing import Reporter, Written
from mailserver.storage import reporting
from mailserver.storage.database import Database, Transaction

LEASE = "reports"
LEASE_MS = 900_000
GRACE_MS = 600_000  # after midnight, so that every node has written down what it counted
JITTER_MS = 7_200_000  # RFC 8460 4.1: some hours later, and not everybody at once
COUNTS_DAYS = 2  # that what could not be reported is kept for
REPORTS_MS = 90 * 86_400_000
READ_MS = 2 * 86_400_000
TRIMMED_AT_ONCE = 20_000
log = structlog.get_logger()


class _LostLease(Exception):
    """Another node does it now."""


class Daily:
    """One for the process. What is counted of a day leaves the counts in the transaction that keeps its report."""

    def __init__(
        self,
        database: Database,
        collector: Collector,
        destinations: Destinations,
        dispatch: Dispatch,
        sender: Sender,
        ids: IdSource,
        executor: Executor,
        hostname: str,
        owner: str,
        clock: Callable[[], int],
        kinds: frozenset[ReportKind] = frozenset(ReportKind),
        organization: str = "",
    ) -> None:
        self._database = database
        self._collector = collector
        self._destinations = destinations
        self._dispatch = dispatch
        self._sender = sender
        self._ids = ids
        self._executor = executor
        self._hostname = hostname
        self._owner = owner
        self._clock = clock
        self._kinds = kinds
        self._organization = organization or hostname
        self._working = asyncio.Lock()

    async def run(self) -> dict[str, int]:
        """Report on days that are over and send what waits; how many were made and sent."""
        return await self.send(at_once=False)

    async def send(self, *, at_once: bool = True, with_today: bool = False) -> dict[str, int]:
        """The same on an operator's word, with no wait; `with_today` closes the day before it is over."""
        async with self._working:
            await self._collector.flush()
            now = self._clock()
            if not await self._database.write(reporting.take_lease, LEASE, self._owner, now, now + LEASE_MS):
                return {"made": 0, "sent": 0}
            try:
                made = await self._close(self._before(now, at_once=at_once, with_today=with_today))
                sent = await self._dispatch.run()
            except _LostLease:
                log.warning("reporting.lease.lost")
                return {"made": 0, "sent": 0}
            finally:
                await self._database.write(reporting.give_lease, LEASE, self._owner)
            return {"made": made, "sent": sent}

    async def trim(self) -> int:
        """Forget what was counted and never asked for, and old reports."""
        now = self._clock()
        before = _day(now - COUNTS_DAYS * writing.DAY_SECONDS * 1000)
        return await self._database.write(reporting.trim, before, now - REPORTS_MS, now - READ_MS, TRIMMED_AT_ONCE)

    def _before(self, now: int, *, at_once: bool, with_today: bool) -> str:
        """The first day that is not to be reported yet."""
        if with_today:
            return _day(now + writing.DAY_SECONDS * 1000)
        if at_once:
            return _day(now)
        today = _day(now)
        late = int.from_bytes(hashlib.blake2b(f"{self._owner} {today}".encode(), digest_size=8).digest(), "big")
        return _day(now - GRACE_MS - late % JITTER_MS)

    async def _close(self, before: str) -> int:
        made = 0
        for seen in await self._database.read(reporting.unreported, before):
            if seen.kind not in self._kinds:
                continue
            try:
                made += await self._report(seen)
            except (
                LookupFailed,
                errors.Temporary,
            ) as error:  # the next run tries again, for as long as counts are kept
                log.info("reporting.day.deferred", kind=seen.kind.value, domain=seen.domain, why=str(error))
        return made

    async def _report(self, seen: Seen) -> int:
        """Make the reports about one domain; how many."""
        tallies = await self._database.read(reporting.tallies, seen)
        named = await self._named(seen) if tallies else ()
        author = await self._sender.author() if named else None
        if not named or author is None:
            await self._database.write(self._keep, seen, tallies, (), b"", b"")
            return 0
        unique = identifiers.encode(Kind.REPORT, self._ids.next()).partition("_")[2]
        report_id = unique if seen.kind is ReportKind.DMARC else f"{unique}@{self._hostname}"
        when = writing.period(seen.day, self._clock())
        reporter = Reporter(self._organization, author.address)
        loop = asyncio.get_running_loop()
        written = await loop.run_in_executor(self._executor, writing.written, seen, tallies, reporter, report_id, when)
        file = await loop.run_in_executor(self._executor, report_file.pack, written.file)
        body = await loop.run_in_executor(self._executor, report_file.pack, written.body)
        reports = [self._stored(seen, each, report_id, when, written, len(file)) for each in named]
        await self._database.write(self._keep, seen, tallies, reports, body, file)
        return len(reports)

    async def _named(self, seen: Seen) -> tuple[Destination, ...]:
        if seen.kind is ReportKind.DMARC:
            return report_uri.of_dmarc(orjson.loads(seen.policy)["record"])
        return await self._destinations.of_tls(seen.domain)

    def _stored(
        self, seen: Seen, destination: Destination, report_id: str, when: writing.Period, written: Written, size: int
    ) -> StoredReport:
        too_large = 0 < destination.most_bytes < report_letter.size(size)
        return StoredReport(
            id=self._ids.next(), tenant_id=0, inbox_id=0, direction=Direction.OUT, kind=seen.kind, domain=seen.domain,
            submitter=self._hostname, organization=self._organization, report_id=report_id,
            begin_at=when.begin * 1000, end_at=when.end * 1000, total=written.total, failed=written.failed,
            destination=destination.uri, state=ReportState.FAILED if too_large else ReportState.WAITING,
            note="The report is larger than the address takes." if too_large else "", is_authenticated=True,
            message_id=0, queued_id=0, created_at=self._clock(),
        )  # fmt: skip

    def _keep(
        self, tx: Transaction, seen: Seen, tallies: Sequence[Tally], reports: Sequence[StoredReport], body: bytes,
        file: bytes,
    ) -> None:  # fmt: skip
        now = self._clock()
        if not reporting.take_lease(tx, LEASE, self._owner, now, now + LEASE_MS):
            raise _LostLease
        for report in reports:
            reporting.add_out(tx, report, body, file, now)
        reporting.take_away(tx, seen, tallies)


def _day(milliseconds: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds):%Y-%m-%d}"
