"""Counts what reports will tell: messages judged by DMARC, and sessions with the hosts of others.

Counting is a matter of memory; every few seconds what was counted goes to the database, where the nodes add up. What a
crash takes is a few seconds of statistics.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from mailserver.entities import errors
from mailserver.entities.report import ReportKind, Seen, Tally
from mailserver.entities.transport import Session
from mailserver.mail import dkim, dmarc, dmarc_report, report_uri
from mailserver.mail.authentication import Report
from mailserver.mail.dkim_signature import Result as Signature
from mailserver.mail.envelope import Envelope
from mailserver.storage import reporting
from mailserver.storage.database import Database

FLUSH_SECONDS = 5.0
MOST_HELD = 20_000  # different rows in memory
MOST_SIGNATURES = 20  # of one message: a hundred would be allowed, and every one makes a row of its own
MAX_SENTENCE = 200
log = structlog.get_logger()


class Collector:
    """One for the process. Run it as a task; `stop` writes down what is left."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._counts: dict[tuple[ReportKind, str, str, str], int] = {}
        self._seen: dict[tuple[ReportKind, str, str], tuple[str, int]] = {}
        self._lost = 0
        self._stopping = asyncio.Event()

    # -- counting -----------------------------------------------------------------------------------------------

    def dmarc(self, envelope: Envelope, report: Report, disposition: str, reason: str) -> None:
        """Count a message, also a refused one, if its domain wants reports (RFC 9990 2.1).

        `reason` is one of the RFC's words, with a comment behind a blank where there is one. A report that is proven
        to be one is not counted: two servers would report to each other about nothing but reports.
        """
        result = report.dmarc
        if report.is_aggregate or not result.policy_domain or not report_uri.of_dmarc(result.record):
            return
        row = {
            "ip": report.iprev.address or envelope.peer.address,
            "disposition": _disposition(result, disposition),
            "dkim": "pass" if result.dkim_aligned else "fail",
            "spf": "pass" if result.spf_aligned else "fail",
            "reasons": _reasons(result, reason),
            "from": result.domain,
            "sender": envelope.sender.domain if envelope.sender is not None else "",
            "signatures": _signatures(result, report.dkim),
            "spf_result": [report.spf.domain, report.spf.status.value, _why(report.spf.status, report.spf.reason)],
        }
        policy = {
            "p": result.policy.p, "sp": result.policy.sp, "np": result.policy.np, "adkim": result.policy.adkim,
            "aspf": result.policy.aspf, "fo": ":".join(result.policy.fo), "testing": result.policy.is_testing,
            "record": result.record,
        }  # fmt: skip
        self._count(ReportKind.DMARC, self._today(), result.policy_domain, row, policy)

    def record(self, session: Session) -> None:
        """Count a session with a host (RFC 8460 4); the log has those that failed."""
        row: dict[str, Any] = {
            "type": session.policy_type.value, "strings": session.policy_strings, "domain": session.policy_domain,
            "hosts": session.policy_hosts,
        }  # fmt: skip
        if session.result is not None:
            text = f"{session.reason}: {session.explanation}" if session.explanation else session.reason
            log.warning(
                "reporting.session.failed",
                domain=session.domain, policy=session.policy_type.value, host=session.mx_host,
                address=session.receiving_address, result=session.result.value, why=text,
            )  # fmt: skip
            row["failure"] = {
                "result": session.result.value, "from": session.sending_address, "host": session.mx_host,
                "to": session.receiving_address, "reason": text[:MAX_SENTENCE],
            }  # fmt: skip
        self._count(ReportKind.TLS, session.day, session.domain, row, {})

    def _count(self, kind: ReportKind, day: str, domain: str, row: dict[str, Any], policy: dict[str, Any]) -> None:
        key = (kind, day, domain, orjson.dumps(row).decode())
        known = self._counts.get(key)
        if known is None and len(self._counts) >= MOST_HELD:
            self._lost += 1
            return
        self._counts[key] = (known or 0) + 1
        self._seen[kind, day, domain] = (orjson.dumps(policy).decode(), self._clock())

    def _today(self) -> str:
        return f"{datetime.fromtimestamp(self._clock() / 1000, UTC):%Y-%m-%d}"

    # -- writing down -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write down what was counted every few seconds, until `stop` is called."""
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._stopping.wait()
            except TimeoutError:
                pass
            await self._try_to_flush()

    def stop(self) -> None:
        """Write down what is left, then let `run` return."""
        self._stopping.set()

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
        except errors.Temporary as error:
            log.warning("reporting.counts.deferred", error=error.message, rows=len(self._counts))

    async def flush(self) -> None:
        """Write down what was counted; errors.Temporary where that has to be tried again."""
        if self._lost:
            log.warning("reporting.counts.dropped", count=self._lost, why="memory")
            self._lost = 0
        if not self._counts:
            return
        counts, self._counts = self._counts, {}
        seen, self._seen = self._seen, {}
        tallies = [Tally(*key, count) for key, count in counts.items()]
        try:
            lost = await self._database.write(
                reporting.add, tallies, [Seen(*key, *values) for key, values in seen.items()]
            )
        except errors.Temporary:
            self._take_back(counts, seen)
            raise
        if lost:
            log.warning("reporting.counts.dropped", count=lost, why="too many different ones")

    def _take_back(
        self,
        counts: dict[tuple[ReportKind, str, str, str], int],
        seen: dict[tuple[ReportKind, str, str], tuple[str, int]],
    ) -> None:
        for key, count in counts.items():
            self._counts[key] = self._counts.get(key, 0) + count
        self._seen = seen | self._seen


def _disposition(result: dmarc.Result, applied: str) -> str:
    """RFC 9990: what passes under a policy that asks for something has passed; else what was done."""
    if result.status is not dmarc.Status.PASS:
        return applied
    asked = result.policy.request(is_subdomain=result.policy_domain != result.domain, exists=True)
    return "pass" if asked != "none" else "none"


def _reasons(result: dmarc.Result, reason: str) -> list[list[str]]:
    """Why the policy was not applied as it is published (RFC 9990 2.1.6)."""
    word, _, comment = reason.partition(" ")
    if word:
        known = word in dmarc_report.REASONS
        return [[word, comment[:MAX_SENTENCE]] if known else ["other", reason[:MAX_SENTENCE]]]
    if result.status is dmarc.Status.FAIL and result.policy.is_testing and result.policy.p != "none":
        return [["policy_test_mode", ""]]
    if result.status is dmarc.Status.TEMPERROR:
        return [["other", result.reason[:MAX_SENTENCE]]]
    return []


def _signatures(result: dmarc.Result, signatures: Iterable[Signature]) -> list[list[str]]:
    """Those that pass and are the author's first (RFC 9990 2.1.4)."""

    def rank(each: Signature) -> int:
        if each.status is not dkim.Status.PASS:
            return 3
        if each.domain == result.domain:
            return 0
        near = each.domain.endswith(f".{result.policy_domain}") or each.domain == result.policy_domain
        return 1 if near else 2

    found = sorted([each for each in signatures if each.domain], key=rank)[:MOST_SIGNATURES]
    return [[each.domain, each.selector, each.status.value, _why(each.status, each.reason)] for each in found]


def _why(status: str, reason: str) -> str:
    return "" if status == "pass" else reason[:MAX_SENTENCE]
