"""Aggregate reports: what is counted for others, and what is kept of those that went out or came in."""

from dataclasses import dataclass
from enum import StrEnum


class ReportKind(StrEnum):
    """What a report is about."""

    DMARC = "dmarc"
    TLS = "tls"


class Direction(StrEnum):
    """Whether we wrote it."""

    IN = "in"
    OUT = "out"


class ReportState(StrEnum):
    """How far a report has come."""

    RECEIVED = "received"
    WAITING = "waiting"  # to be sent, or sent again
    QUEUED = "queued"  # a message in the queue
    POSTED = "posted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Tally:
    """Something that was seen a number of times on a day. `row` is JSON, and the same for what is the same."""

    kind: ReportKind
    day: str  # UTC, 2026-11-21
    domain: str
    row: str
    count: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A domain that something was counted for on a day; `policy` is JSON, as it was last."""

    kind: ReportKind
    day: str
    domain: str
    policy: str
    at: int


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report without its content. Times are unix milliseconds; 0 for an id means that there is none."""

    id: int
    tenant_id: int
    inbox_id: int
    direction: Direction
    kind: ReportKind
    domain: str
    submitter: str  # the domain that sent it
    organization: str
    report_id: str
    begin_at: int
    end_at: int
    total: int
    failed: int
    destination: str
    state: ReportState
    note: str
    is_authenticated: bool
    message_id: int
    queued_id: int
    created_at: int
