"""What is counted for reports, and the reports that go out."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from mailserver.entities.report import Direction, ReportKind, ReportState, Seen, StoredReport, Tally
from mailserver.storage.database import Snapshot, Transaction

MOST_ROWS = 10_000  # of one domain on one day
MOST_DOMAINS = 10_000  # of one kind on one day
COLUMNS = (
    "id, tenant_id, inbox_id, direction, kind, domain, submitter, organization, report_id, begin_at, end_at, total, "
    "failed, destination, state, note, is_authenticated, message_id, queued_id, created_at"
)
_ADD = (
    "INSERT INTO report_count(kind, day, domain, key, row, count) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT(kind, day, domain, key) DO UPDATE SET count = report_count.count + excluded.count"
)
_ADD_KNOWN = "UPDATE report_count SET count = count + ? WHERE kind = ? AND day = ? AND domain = ? AND key = ?"
_INSERT = (
    f"INSERT INTO report({COLUMNS}, attempts, next_attempt_at, body, file) "
    f"VALUES ({', '.join('?' * (COLUMNS.count(',') + 1))}, 0, ?, ?, ?) "
    "ON CONFLICT(direction, tenant_id, kind, domain, submitter, report_id, destination) "
)


# -- who does it ------------------------------------------------------------------------------------------------------


def take_lease(tx: Transaction, name: str, owner: str, now: int, until: int) -> bool:
    """Be the one node that does something, until a time; False where another is."""
    changed = tx.execute(
        "INSERT INTO lease(name, owner, until) VALUES (?, ?, ?) ON CONFLICT(name) DO UPDATE SET "
        "owner = excluded.owner, until = excluded.until WHERE lease.owner = excluded.owner OR lease.until <= ?",
        [name, owner, until, now],
    )
    return changed.rowcount > 0


def holds_lease(snapshot: Snapshot, name: str, owner: str, now: int) -> bool:
    """Whether it is still this node's."""
    return (
        snapshot.one("SELECT 1 FROM lease WHERE name = ? AND owner = ? AND until > ?", [name, owner, now]) is not None
    )


def give_lease(tx: Transaction, name: str, owner: str) -> None:
    """Let another node have it."""
    tx.execute("DELETE FROM lease WHERE name = ? AND owner = ?", [name, owner])


# -- counting ---------------------------------------------------------------------------------------------------------


def add(tx: Transaction, tallies: Iterable[Tally], seen: Iterable[Seen]) -> int:
    """Add to what was counted already; how many messages or sessions found no room."""
    crowded = _note(tx, seen)
    lost = 0
    for (kind, day, domain), group in groupby(sorted(tallies, key=_place), _place):
        several = list(group)
        if (kind, day, domain) in crowded:
            lost += sum(each.count for each in several)
            continue
        (there,) = tx.one(
            "SELECT COUNT(*) FROM report_count WHERE kind = ? AND day = ? AND domain = ?", [kind, day, domain]
        )
        if there + len(several) <= MOST_ROWS:
            tx.executemany(_ADD, [(kind, day, domain, _key(each.row), each.row, each.count) for each in several])
            continue
        for each in several:
            if not tx.execute(_ADD_KNOWN, [each.count, kind, day, domain, _key(each.row)]).rowcount:
                lost += each.count
    return lost


def _note(tx: Transaction, seen: Iterable[Seen]) -> set[tuple[str, str, str]]:
    """Note the domains with their policies as they are now; those for which there is no room."""
    crowded = set()
    for (kind, day), group in groupby(sorted(seen, key=_place), lambda each: _place(each)[:2]):
        (there,) = tx.one("SELECT COUNT(*) FROM report_seen WHERE kind = ? AND day = ?", [kind, day])
        for each in group:
            if there >= MOST_DOMAINS and not tx.one(
                "SELECT 1 FROM report_seen WHERE kind = ? AND day = ? AND domain = ?", [kind, day, each.domain]
            ):
                crowded.add((kind, day, each.domain))
                continue
            there += 1  # one too many where it is known: the limit is a rough one
            tx.execute(
                "INSERT INTO report_seen(kind, day, domain, policy, seen_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT(kind, day, domain) DO UPDATE SET policy = excluded.policy, seen_at = excluded.seen_at "
                "WHERE excluded.seen_at >= report_seen.seen_at",
                [kind, day, each.domain, each.policy, each.at],
            )
    return crowded


def _place(each: Tally | Seen) -> tuple[str, str, str]:
    return each.kind.value, each.day, each.domain


def _key(row: str) -> bytes:
    return hashlib.blake2b(row.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def unreported(snapshot: Snapshot, before_day: str) -> list[Seen]:
    """Domains with something counted on days before one, the oldest first."""
    found = []
    for kind in ReportKind:
        rows = snapshot.all(
            "SELECT day, domain, policy, seen_at FROM report_seen WHERE kind = ? AND day < ? ORDER BY day, domain",
            [kind.value, before_day],
        )
        found += [Seen(kind, *row) for row in rows]
    return found


def tallies(snapshot: Snapshot, seen: Seen) -> list[Tally]:
    """What was counted for a domain on a day, the most frequent first."""
    rows = snapshot.all(
        "SELECT row, count FROM report_count WHERE kind = ? AND day = ? AND domain = ? ORDER BY count DESC, key",
        _place(seen),
    )
    return [Tally(seen.kind, seen.day, seen.domain, row, count) for row, count in rows]


def take_away(tx: Transaction, seen: Seen, reported: Sequence[Tally]) -> None:
    """Take away what was reported; what was counted meanwhile stays, for a further report."""
    place = _place(seen)
    tx.executemany(_ADD_KNOWN, [(-each.count, *place, _key(each.row)) for each in reported])
    tx.execute("DELETE FROM report_count WHERE kind = ? AND day = ? AND domain = ? AND count <= 0", place)
    tx.execute(
        "DELETE FROM report_seen WHERE kind = ?1 AND day = ?2 AND domain = ?3 AND NOT EXISTS "
        "(SELECT 1 FROM report_count WHERE kind = ?1 AND day = ?2 AND domain = ?3)",
        place,
    )


# -- going out --------------------------------------------------------------------------------------------------------


def add_out(tx: Transaction, report: StoredReport, body: bytes, file: bytes, due_at: int) -> None:
    """Keep a report that is to be sent to one destination."""
    tx.execute(_INSERT + "DO NOTHING", [*row(report), due_at, body, file])


def add_in(tx: Transaction, report: StoredReport, body: bytes) -> bool:
    """Keep a report that came in; False for a repeated one. One that is proven takes the place of one that is not."""
    replaced = (
        "organization", "begin_at", "end_at", "total", "failed", "inbox_id", "is_authenticated", "message_id",
        "created_at", "body",
    )  # fmt: skip
    changes = ", ".join(f"{name} = excluded.{name}" for name in replaced)
    condition = "WHERE report.is_authenticated = 0 AND excluded.is_authenticated = 1"
    return tx.execute(f"{_INSERT}DO UPDATE SET {changes} {condition}", [*row(report), 0, body, None]).rowcount > 0


def due(snapshot: Snapshot, now: int, limit: int) -> list[StoredReport]:
    """Reports that are to be sent now."""
    rows = snapshot.all(
        f"SELECT {COLUMNS} FROM report WHERE state = 'waiting' AND next_attempt_at <= ? "
        "ORDER BY next_attempt_at LIMIT ?",
        [now, limit],
    )
    return [entity(each) for each in rows]


def file(snapshot: Snapshot, report_id: int) -> bytes | None:
    """The packed file of a report that waits; None where it does not."""
    found = snapshot.one("SELECT file FROM report WHERE id = ? AND state = 'waiting'", [report_id])
    return bytes(found[0]) if found and found[0] is not None else None


def settle(tx: Transaction, report_id: int, state: ReportState, note: str, queued_id: int = 0) -> bool:
    """End a report's waiting; False where it had ended."""
    changed = tx.execute(
        "UPDATE report SET state = ?, note = ?, queued_id = ?, file = NULL WHERE id = ? AND state = 'waiting'",
        [state.value, note, queued_id, report_id],
    )
    return changed.rowcount > 0


def redirect(tx: Transaction, report_id: int, destination: str) -> None:
    """Send a report somewhere else than its domain says."""
    tx.execute(
        "UPDATE OR IGNORE report SET destination = ? WHERE id = ? AND state = 'waiting'", [destination, report_id]
    )


def postpone(tx: Transaction, report_id: int, due_at: int, note: str) -> None:
    """Try again later."""
    tx.execute(
        "UPDATE report SET next_attempt_at = ?, note = ?, attempts = attempts + 1 WHERE id = ? AND state = 'waiting'",
        [due_at, note, report_id],
    )


def attempts(snapshot: Snapshot, report_id: int) -> int:
    """How often it was tried."""
    found = snapshot.one("SELECT attempts FROM report WHERE id = ?", [report_id])
    return found[0] if found else 0


# -- keeping ----------------------------------------------------------------------------------------------------------


def trim(tx: Transaction, before_day: str, reports_before: int, read_before: int, limit: int) -> int:
    """Forget counts of days before one, and old reports; how many rows."""
    gone = 0
    for table in ("report_count", "report_seen"):
        for kind in ReportKind:
            gone += tx.execute(f"DELETE FROM {table} WHERE kind = ? AND day < ?", [kind.value, before_day]).rowcount
    gone += tx.execute(
        "DELETE FROM report WHERE id IN (SELECT id FROM report WHERE created_at < ? LIMIT ?)", [reports_before, limit]
    ).rowcount
    gone += tx.execute(
        "DELETE FROM report_read WHERE message_id IN (SELECT message_id FROM report_read WHERE read_at < ? LIMIT ?)",
        [read_before, limit],
    ).rowcount
    return gone


def row(report: StoredReport) -> tuple[str | int, ...]:
    """A report as its columns."""
    return (
        report.id, report.tenant_id, report.inbox_id, report.direction.value, report.kind.value, report.domain,
        report.submitter, report.organization, report.report_id, report.begin_at, report.end_at, report.total,
        report.failed, report.destination, report.state.value, report.note, int(report.is_authenticated),
        report.message_id, report.queued_id, report.created_at,
    )  # fmt: skip


def entity(columns: Sequence[Any]) -> StoredReport:
    """The columns as a report."""
    values = list(columns)
    values[3], values[4], values[14] = Direction(values[3]), ReportKind(values[4]), ReportState(values[14])
    values[16] = bool(values[16])
    return StoredReport(*values)
