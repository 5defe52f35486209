"""Forwarding queries: where mail goes on to, how its targets fail, and senders that do not fit into an address."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from mailserver.entities.forward import MOST_FAILURES, Forward
from mailserver.storage.database import Snapshot, Transaction

LARGEST_PAGE = 1000
_NAMES = tuple(field.name for field in fields(Forward))  # the columns are named as the fields are
_COLUMNS = ", ".join(f"f.{name}" for name in _NAMES)
_JOINED = "forward f JOIN inbox i ON i.id = f.inbox_id"


@dataclass(frozen=True, slots=True)
class Notice:
    """An owner has to be told that a forward was switched off; `id` is what the message will have."""

    id: int
    forward: Forward
    address: str  # of the inbox
    reason: str


def of_inbox(snapshot: Snapshot, inbox_id: int) -> list[Forward]:
    """Every forward of an inbox, that of the inbox itself first."""
    sql = f"SELECT {_COLUMNS} FROM forward f WHERE f.inbox_id = ? ORDER BY f.alias, f.id LIMIT {LARGEST_PAGE}"
    return [_entity(row) for row in snapshot.all(sql, [inbox_id])]


def of_installation(snapshot: Snapshot) -> list[tuple[str, Forward]]:
    """Every forward with the address of its inbox."""
    sql = f"SELECT i.address, {_COLUMNS} FROM {_JOINED} ORDER BY i.address, f.alias, f.id"
    return [(row[0], _entity(row[1:])) for row in snapshot.all(sql)]


def active(snapshot: Snapshot, inbox_ids: Collection[int], names: Collection[str]) -> list[tuple[str, Forward]]:
    """What is switched on for mail to one of these names of inboxes; each with the address of its inbox."""
    sql = (
        f"SELECT i.address, {_COLUMNS} FROM {_JOINED} "
        f"WHERE f.inbox_id IN ({_marks(len(inbox_ids))}) AND f.is_enabled = 1 AND i.status = 'active' "
        f"AND f.alias IN ('', {_marks(len(names))}) ORDER BY f.id"
    )
    return [(row[0], _entity(row[1:])) for row in snapshot.all(sql, [*inbox_ids, *names])]


def put(tx: Transaction, forward: Forward, normal: str) -> None:
    """Insert a forward, or change the one that has its id; what went wrong before is forgotten."""
    tx.execute(
        "INSERT INTO forward(id, tenant_id, inbox_id, alias, target, target_normal, is_enabled, keeps_copy, "
        "changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET target = excluded.target, "
        "target_normal = excluded.target_normal, is_enabled = excluded.is_enabled, keeps_copy = excluded.keeps_copy, "
        "changed_at = excluded.changed_at, failures = 0, last_failure = NULL, stopped_at = NULL, notice_id = NULL",
        [
            forward.id, forward.tenant_id, forward.inbox_id, forward.alias, forward.target, normal,
            int(forward.is_enabled), int(forward.keeps_copy), forward.changed_at,
        ],
    )  # fmt: skip


def remove(tx: Transaction, inbox_id: int, alias: str, normal: str) -> bool:
    """Take a target away; False where it was none."""
    sql = "DELETE FROM forward WHERE inbox_id = ? AND alias = ? AND target_normal = ?"
    return tx.execute(sql, [inbox_id, alias, normal]).rowcount > 0


def delivered(tx: Transaction, inbox_id: int, normal: str) -> None:
    """A target took a message: what went wrong before does not count any more."""
    sql = "UPDATE forward SET failures = 0 WHERE inbox_id = ? AND target_normal = ? AND failures > 0"
    tx.execute(sql, [inbox_id, normal])


def failed(tx: Transaction, inbox_id: int, normal: str, reason: str, at: int) -> list[int]:
    """A target refused a message for good; which forwards were switched off by that."""
    where = "WHERE inbox_id = ? AND target_normal = ? AND is_enabled = 1"
    tx.execute(f"UPDATE forward SET failures = failures + 1, last_failure = ? {where}", [reason, inbox_id, normal])
    stopped = tx.all(
        f"UPDATE forward SET is_enabled = 0, stopped_at = ? {where} AND failures >= ? RETURNING id",
        [at, inbox_id, normal, MOST_FAILURES],
    )
    return [row[0] for row in stopped]


def give_notice(tx: Transaction, forward_id: int, notice_id: int) -> None:
    """Remember that an owner has to be told; the id is that of the message that tells."""
    tx.execute("UPDATE forward SET notice_id = ? WHERE id = ?", [notice_id, forward_id])


def notices(snapshot: Snapshot, limit: int) -> list[Notice]:
    """Who has to be told."""
    sql = (
        f"SELECT f.notice_id, i.address, f.last_failure, {_COLUMNS} FROM {_JOINED} "
        "WHERE f.notice_id IS NOT NULL ORDER BY f.notice_id LIMIT ?"
    )
    return [Notice(row[0], _entity(row[3:]), row[1], row[2] or "") for row in snapshot.all(sql, [limit])]


def told(tx: Transaction, notice_id: int) -> None:
    """Its owner knows."""
    tx.execute("UPDATE forward SET notice_id = NULL WHERE notice_id = ?", [notice_id])


def keep_sender(tx: Transaction, number: int, sender: str, at: int) -> int:
    """The number that stands for a sender: the one given, or that which it has already."""
    row = tx.one(
        "INSERT INTO rewritten_sender(id, sender, used_at) VALUES (?, ?, ?) "
        "ON CONFLICT(sender) DO UPDATE SET used_at = excluded.used_at RETURNING id",
        [number, sender, at],
    )
    kept: int = row[0]
    return kept


def sender(snapshot: Snapshot, number: int) -> str | None:
    """The sender that a number stands for."""
    row = snapshot.one("SELECT sender FROM rewritten_sender WHERE id = ?", [number])
    return None if row is None else str(row[0])


def forget_senders(tx: Transaction, before: int) -> int:
    """Remove senders whose addresses have run out; how many there were."""
    return tx.execute("DELETE FROM rewritten_sender WHERE used_at < ?", [before]).rowcount


def _marks(number: int) -> str:
    return ", ".join("?" * number)


def _entity(row: Sequence[object]) -> Forward:
    values = dict(zip(_NAMES, row, strict=True))
    values["is_enabled"], values["keeps_copy"] = bool(values["is_enabled"]), bool(values["keeps_copy"])
    return Forward(**values)  # type: ignore[arg-type]
