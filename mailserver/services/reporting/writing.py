"""What was counted for a domain on a day becomes its report."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from mailserver import __version__
from mailserver.entities.report import ReportKind, Seen, Tally
from mailserver.mail import dmarc_report, tls_report
from mailserver.mail.dmarc_report import DmarcReport, Published, Reason, Row, SenderResult, SignatureResult
from mailserver.mail.tls_report import FailureDetail, PolicyResult, TlsReport

DAY_SECONDS = 86_400
_Policy = tuple[str, tuple[str, ...], str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Period:
    """What a report is about in time. Unix seconds, both of them inside."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports. `contact` is an address."""

    organization: str
    contact: str


@dataclass(frozen=True, slots=True)
class Written:
    """A report as its file, and as it is kept."""

    file: bytes
    body: bytes
    total: int
    failed: int


def period(day: str, now: int) -> Period:
    """A UTC day, up to now where it is today."""
    begin = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
    return Period(begin, max(begin, min(begin + DAY_SECONDS - 1, now // 1000)))


def written(seen: Seen, tallies: Sequence[Tally], reporter: Reporter, report_id: str, when: Period) -> Written:
    """The report about a domain. Blocks."""
    if seen.kind is ReportKind.DMARC:
        dmarc = _dmarc(seen, tallies, reporter, report_id, when)
        return Written(dmarc_report.write(dmarc), orjson.dumps(dmarc), dmarc.total, dmarc.failed)
    tls = _tls(tallies, reporter, report_id, when)
    return Written(tls_report.write(tls), orjson.dumps(tls), tls.total, tls.failed)


def _dmarc(seen: Seen, tallies: Sequence[Tally], reporter: Reporter, report_id: str, when: Period) -> DmarcReport:
    policy = orjson.loads(seen.policy)
    p = policy["p"]
    sp = policy["sp"] or p
    published = Published(
        seen.domain, p, sp, policy["np"] or sp, policy["adkim"], policy["aspf"], policy["fo"],
        "y" if policy["testing"] else "n", "treewalk",
    )  # fmt: skip
    rows = tuple([_row(orjson.loads(each.row), each.count) for each in tallies])
    return DmarcReport(
        reporter.organization, reporter.contact, report_id, when.begin, when.end, published, rows,
        generator=f"mailserver {__version__}", version="1.0",
    )  # fmt: skip


def _row(row: dict[str, Any], count: int) -> Row:
    domain, result, why = row["spf_result"]
    return Row(
        source_ip=row["ip"],
        count=count,
        disposition=row["disposition"],
        dkim=row["dkim"],
        spf=row["spf"],
        header_from=row["from"],
        envelope_from=row["sender"],
        reasons=tuple(Reason(*each) for each in row["reasons"]),
        signatures=tuple(SignatureResult(*each) for each in row["signatures"]),
        # RFC 9990: mfrom is the one scope that there is; for the null sender it is postmaster of the HELO name.
        senders=(SenderResult(domain, "mfrom", result, why),) if domain else (),
    )


def _tls(tallies: Sequence[Tally], reporter: Reporter, report_id: str, when: Period) -> TlsReport:
    succeeded: dict[_Policy, int] = {}
    failures: dict[_Policy, list[FailureDetail]] = {}
    for each in tallies:
        row = orjson.loads(each.row)
        policy = (row["type"], tuple(row["strings"]), row["domain"], tuple(row["hosts"]))
        succeeded.setdefault(policy, 0)
        failure = row.get("failure")
        if failure is None:
            succeeded[policy] += each.count
            continue
        failures.setdefault(policy, []).append(
            FailureDetail(
                failure["result"], each.count, failure["from"], failure["host"], receiving_ip=failure["to"],
                reason_code=failure["reason"],
            )
        )  # fmt: skip
    policies = tuple(
        PolicyResult(
            *policy, count, sum(each.count for each in failures.get(policy, ())), tuple(failures.get(policy, ()))
        )
        for policy, count in succeeded.items()
    )
    return TlsReport(reporter.organization, reporter.contact, report_id, when.begin, when.end, policies)
