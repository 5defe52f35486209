"""Reports that came in: which messages may hold one, and what is kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mailserver.entities import identifiers
from mailserver.entities.event import RECEIVED
from mailserver.entities.identifiers import Kind
from mailserver.entities.message import Visibility
from mailserver.entities.report import Direction, ReportKind, StoredReport
from mailserver.storage import reporting, tenants, verdicts
from mailserver.storage.database import Snapshot, Transaction

PROGRESS = "read"
MOST_A_DAY = 2_000  # of one tenant: what comes beyond is mail and no more
DAY_MS = 86_400_000
_CHUNK = 500
_MAY_HOLD_ONE = (
    "SELECT m.id, m.inbox_id, m.tenant_id, m.size, d.people FROM message m "
    "JOIN message_data d ON d.message_id = m.id WHERE m.id IN ({marks}) AND m.visibility != ? "
    "AND (d.subject LIKE '%report%domain:%' OR EXISTS (SELECT 1 FROM part p WHERE p.message_id = m.id "
    "AND (p.content_type LIKE 'application/tlsrpt%' OR p.filename LIKE '%!%!%!%.%'))) "
    "AND NOT EXISTS (SELECT 1 FROM report_read r WHERE r.message_id = m.id) ORDER BY m.id"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that looks like a report. `author` is the domain of its From."""

    message_id: int
    inbox_id: int
    tenant_id: int
    size: int
    author: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the event log: its candidates, and the last line in it, 0 where there is none."""

    candidates: tuple[Candidate, ...]
    last: int


def progress(snapshot: Snapshot) -> int:
    """Up to which line the event log has been looked through."""
    found = snapshot.one("SELECT position FROM report_progress WHERE name = ?", [PROGRESS])
    return found[0] if found else 0


def has_news(snapshot: Snapshot) -> bool:
    """Whether the event log has lines that have not been looked through for good."""
    return snapshot.one("SELECT 1 FROM event WHERE id > ? LIMIT 1", [progress(snapshot)]) is not None


def advance(tx: Transaction, position: int) -> None:
    """Never look at lines up to this one again."""
    tx.execute(
        "INSERT INTO report_progress(name, position) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET "
        "position = excluded.position WHERE excluded.position > report_progress.position",
        [PROGRESS, position],
    )


def stretch(snapshot: Snapshot, position: int, limit: int) -> Stretch:
    """What the next lines of the event log tell of messages that came in."""
    rows = snapshot.all("SELECT id, type, body FROM event WHERE id > ? ORDER BY id LIMIT ?", [position, limit])
    received = [
        identifiers.decode(Kind.MESSAGE, orjson.loads(body)["message_id"]) for _, kind, body in rows if kind in RECEIVED
    ]
    found: list[Candidate] = []
    for start in range(0, len(received), _CHUNK):
        some = received[start : start + _CHUNK]
        sql = _MAY_HOLD_ONE.format(marks=", ".join("?" * len(some)))
        found += [_candidate(row) for row in snapshot.all(sql, [*some, int(Visibility.BLOCKED)])]
    return Stretch(tuple(found), rows[-1][0] if rows else 0)


def _candidate(row: Sequence[Any]) -> Candidate:
    people = orjson.loads(row[4])["from"]
    author = people[0][0].rpartition("@")[2].lower().rstrip(".") if len(people) == 1 else ""
    return Candidate(row[0], row[1], row[2], row[3], author)


def verdict(snapshot: Snapshot, message_id: int) -> dict[str, Any] | None:
    """What was found out about the message; None where nobody judged it."""
    return verdicts.get(snapshot, message_id)


def is_own(snapshot: Snapshot, message_id: int) -> bool:
    """Whether this server wrote the message itself, as a report: a local copy has the id of its delivery."""
    found = snapshot.one(
        "SELECT 1 FROM delivery d JOIN queued q ON q.id = d.queued_id WHERE d.id = ? AND q.source = 'report'",
        [message_id],
    )
    return found is not None


def owner(snapshot: Snapshot, domain: str) -> int | None:
    """The tenant whose domain this is, or a part of whose domain; None for a stranger's."""
    labels = domain.split(".")[-20:]
    for start in range(len(labels) - 1):
        found = tenants.served(snapshot, ".".join(labels[start:]))
        if found is not None:
            return found.tenant_id
    return None


def pass_over(tx: Transaction, message_id: int, now: int) -> None:
    """Never look into a message again."""
    tx.execute("INSERT INTO report_read(message_id, read_at) VALUES (?, ?) ON CONFLICT DO NOTHING", [message_id, now])


def receive(tx: Transaction, report: StoredReport, body: bytes, now: int) -> str:
    """Keep a report for the tenant that it came to; what became of it: kept, or why not.

    Nothing is kept for a tenant that does not own the domain, so that nobody writes reports into another's.
    """
    if tx.one("SELECT 1 FROM report_read WHERE message_id = ?", [report.message_id]) is not None:
        return "read"
    pass_over(tx, report.message_id, now)
    if tx.one("SELECT 1 FROM message WHERE id = ? AND tenant_id = ?", [report.message_id, report.tenant_id]) is None:
        return "gone"
    if owner(tx, report.domain) != report.tenant_id:
        return "foreign"
    (today,) = tx.one(
        "SELECT COUNT(*) FROM report WHERE tenant_id = ? AND id > ?",
        [report.tenant_id, identifiers.first_at(now - DAY_MS)],
    )
    if today >= MOST_A_DAY:
        return "crowded"
    return "kept" if reporting.add_in(tx, report, body) else "repeated"


def page(
    snapshot: Snapshot,
    *,
    tenant_id: int | None = None,
    inbox_id: int | None = None,
    kind: ReportKind | None = None,
    direction: Direction | None = None,
    domain: str | None = None,
    position: int = 0,
    limit: int = 50,
) -> tuple[list[StoredReport], int]:
    """Reports, the newest first, and how many there are in all."""
    conditions = {
        "tenant_id": tenant_id, "inbox_id": inbox_id, "kind": kind.value if kind else None,
        "direction": direction.value if direction else None, "domain": domain,
    }  # fmt: skip
    given = {name: value for name, value in conditions.items() if value is not None}
    where = " AND ".join(f"{name} = ?" for name in given) or "1 = 1"
    (total,) = snapshot.one(f"SELECT COUNT(*) FROM report WHERE {where}", list(given.values()))
    rows = snapshot.all(
        f"SELECT {reporting.COLUMNS} FROM report WHERE {where} ORDER BY id DESC LIMIT ? OFFSET ?",
        [*given.values(), limit, position],
    )
    return [reporting.entity(each) for each in rows], total


def get(snapshot: Snapshot, number: int) -> tuple[StoredReport, bytes] | None:
    """A report with its content, as it was packed."""
    found = snapshot.one(f"SELECT {reporting.COLUMNS}, body FROM report WHERE id = ?", [number])
    return (reporting.entity(found[:-1]), bytes(found[-1])) if found else None
