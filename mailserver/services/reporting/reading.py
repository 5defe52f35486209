"""Reads reports out of mail that has come in, whatever way it came.

It follows the event log behind the store, so that reception never waits for an archive to be unpacked, a crash loses
nothing, and what is broken is mail like any other.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.report import Direction, ReportKind, ReportState, StoredReport
from mailserver.mail import dmarc_report, headers, report_file, report_letter, tls_report
from mailserver.mail.dmarc_report import DmarcReport
from mailserver.mail.tls_report import TlsReport
from mailserver.storage import files, reporting, reports
from mailserver.storage.database import Database, Snapshot
from mailserver.storage.files import MessageFiles
from mailserver.storage.reports import Candidate

LEASE = "report reading"
LEASE_MS = 300_000
STRETCH = 2_000  # lines of the event log
OVERLAP_MS = 60_000  # lines of other nodes may come late: the last minute is looked at again
LARGEST_BYTES = 20 << 20  # of a message: 10 MB in base 64, and some text
log = structlog.get_logger()


class NoReport(Exception):
    """The message is none; the sentence says why."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A report that was read, and what the letter says that it is about."""

    report: DmarcReport | TlsReport
    domain: str
    body: bytes


class Reading:
    """One for the process."""

    def __init__(
        self,
        database: Database,
        message_files: MessageFiles,
        ids: IdSource,
        executor: Executor,
        owner: str,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._files = message_files
        self._ids = ids
        self._executor = executor
        self._owner = owner
        self._clock = clock
        self._working = asyncio.Lock()

    async def run(self) -> int:
        """Look at what has come in since the last time; how many reports were kept."""
        async with self._working:
            if not await self._database.read(reports.has_news):
                return 0
            now = self._clock()
            if not await self._database.write(reporting.take_lease, LEASE, self._owner, now, now + LEASE_MS):
                return 0
            try:
                return await self._follow()
            finally:
                await self._database.write(reporting.give_lease, LEASE, self._owner)

    async def _follow(self) -> int:
        kept = 0
        position = await self._database.read(reports.progress)
        while True:
            part = await self._database.read(reports.stretch, position, STRETCH)
            if not part.last:
                return kept
            for candidate in part.candidates:
                kept += await self._take(candidate)
            position = part.last
            now = self._clock()
            await self._database.write(reports.advance, min(position, identifiers.first_at(now - OVERLAP_MS)))
            await self._database.write(reporting.take_lease, LEASE, self._owner, now, now + LEASE_MS)

    async def _take(self, candidate: Candidate) -> bool:
        """Read one message and keep what it reports; a message that is none is not looked at again."""
        message_id = identifiers.encode(Kind.MESSAGE, candidate.message_id)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._executor, self._read, candidate)
        except NoReport as error:
            log.info("reporting.message.unread", message_id=message_id, why=str(error))
            await self._database.write(reports.pass_over, candidate.message_id, self._clock())
            return False
        except errors.Temporary:
            raise
        except Exception:  # whatever a stranger's file brings about, the next message is read
            log.exception("reporting.message.failed", message_id=message_id)
            await self._database.write(reports.pass_over, candidate.message_id, self._clock())
            return False
        proven = await self._database.read(_is_authenticated, candidate)
        report = self._stored(candidate, found, is_authenticated=proven)
        became = await self._database.write(reports.receive, report, found.body, self._clock())
        log.info(
            "reporting.report.received",
            message_id=message_id, kind=report.kind.value, domain=report.domain, submitter=report.submitter,
            is_authenticated=proven, became=became,
        )  # fmt: skip
        return became == "kept"

    def _read(self, candidate: Candidate) -> _Found:
        """Blocks, for seconds where somebody wants it to."""
        if candidate.size > LARGEST_BYTES:
            raise NoReport("The message is larger than a report may be.")
        try:
            raw = self._files.read(files.location(candidate.inbox_id, candidate.message_id))
        except FileNotFoundError as error:
            raise NoReport("The message has gone.") from error
        except OSError as error:
            raise errors.StoreUnavailable from error
        head, _ = headers.split(raw)
        named = report_letter.domain(head)
        why = "It has no file that could be one."
        for file in report_letter.files(raw):
            try:
                report = _parse(report_file.unpack(file))
            except ValueError as error:
                why = str(error)
                continue
            domain = report.published.domain if isinstance(report, DmarcReport) else report.domain or named
            return _Found(report, domain, report_file.pack(orjson.dumps(report)))
        raise NoReport(why)

    def _stored(self, candidate: Candidate, found: _Found, *, is_authenticated: bool) -> StoredReport:
        report = found.report
        return StoredReport(
            id=self._ids.next(), tenant_id=candidate.tenant_id, inbox_id=candidate.inbox_id, direction=Direction.IN,
            kind=ReportKind.DMARC if isinstance(report, DmarcReport) else ReportKind.TLS, domain=found.domain,
            submitter=candidate.author, organization=report.organization, report_id=report.report_id,
            begin_at=report.begin * 1000, end_at=report.end * 1000, total=report.total, failed=report.failed,
            destination="", state=ReportState.RECEIVED, note="", is_authenticated=is_authenticated,
            message_id=candidate.message_id, queued_id=0, created_at=self._clock(),
        )  # fmt: skip


def _parse(content: bytes) -> DmarcReport | TlsReport:
    """ValueError for what is neither."""
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return tls_report.read(content)
    return dmarc_report.read(content)


def _is_authenticated(snapshot: Snapshot, candidate: Candidate) -> bool:
    """Whether the domain in From has sent the report: DMARC passed, or a signature of that domain or one above it."""
    verdict = reports.verdict(snapshot, candidate.message_id)
    found: dict[str, Any] = (verdict or {}).get("authentication") or {}
    if not found:
        return reports.is_own(snapshot, candidate.message_id)
    if found["dmarc"]["result"] == "pass":
        return True
    author = candidate.author
    return bool(author) and any(
        each["result"] == "pass" and (author == each["domain"] or author.endswith(f".{each['domain']}"))
        for each in found["dkim"]
    )
