"""Broadcasts of inboxes: their rows, their texts, and how they move on."""

from dataclasses import fields
from typing import Any

from mailserver.entities.broadcast import Broadcast, BroadcastStatus, BroadcastText
from mailserver.storage.database import Snapshot, Transaction

TOPIC = "broadcasts"
_NAMES = tuple(field.name for field in fields(Broadcast))  # the columns are named as the fields are
_COLUMNS = ", ".join(_NAMES)
_AT_WORK = "(is_moving = 1 OR status IN ('queued', 'sending'))"


def add(tx: Transaction, broadcast: Broadcast, text: BroadcastText) -> None:
    """Insert a broadcast with what it says."""
    values = [getattr(broadcast, name) for name in _NAMES]
    values[_NAMES.index("status")] = broadcast.status.value
    values[_NAMES.index("is_moving")] = int(broadcast.is_moving)
    tx.execute(f"INSERT INTO broadcast({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})", values)
    tx.execute(
        "INSERT INTO broadcast_text(broadcast_id, inbox_id, text, html) VALUES (?, ?, ?, ?)",
        (broadcast.id, broadcast.inbox_id, text.text, text.html),
    )
    tx.ring(TOPIC)


def get(snapshot: Snapshot, broadcast_id: int) -> Broadcast | None:
    """A broadcast by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM broadcast WHERE id = ?", (broadcast_id,))
    return _entity(row) if row else None


def text(snapshot: Snapshot, broadcast_id: int) -> BroadcastText | None:
    """What a broadcast says; None once it is over."""
    row = snapshot.one("SELECT text, html FROM broadcast_text WHERE broadcast_id = ?", (broadcast_id,))
    return BroadcastText(*row) if row else None


def page(snapshot: Snapshot, inbox_id: int, position: int, limit: int) -> tuple[list[Broadcast], int]:
    """Broadcasts of an inbox, newest first; how many in all."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM broadcast WHERE inbox_id = ? ORDER BY id DESC LIMIT ? OFFSET ?",
        (inbox_id, limit, position),
    )
    total: int = snapshot.one("SELECT COUNT(*) FROM broadcast WHERE inbox_id = ?", (inbox_id,))[0]
    return [_entity(row) for row in rows], total


def at_work(snapshot: Snapshot, after_id: int, limit: int) -> list[Broadcast]:
    """Broadcasts that something is to be done about, behind one, in the order of their ids."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM broadcast INDEXED BY broadcast_at_work WHERE id > ? AND {_AT_WORK} "
        "ORDER BY id LIMIT ?",
        (after_id, limit),
    )
    return [_entity(row) for row in rows]


def move(tx: Transaction, broadcast_id: int, status: BroadcastStatus, now: int) -> None:
    """Give a broadcast another state that what is in the queue has to follow."""
    tx.execute(
        "UPDATE broadcast SET status = ?, is_moving = 1, updated_at = ? WHERE id = ?", (status.value, now, broadcast_id)
    )
    tx.ring(TOPIC)


def end(tx: Transaction, inbox_id: int, now: int) -> None:
    """Cancel whatever an inbox has under way: it is closed."""
    tx.execute(
        "UPDATE broadcast SET status = 'cancelled', is_moving = 1, updated_at = ? WHERE inbox_id = ? "
        "AND status NOT IN ('completed', 'cancelled')",
        (now, inbox_id),
    )
    tx.ring(TOPIC)


def has_followed(tx: Transaction, broadcast_id: int) -> None:
    """The queue is as the state says; what was cancelled needs its text no more."""
    tx.execute("UPDATE broadcast SET is_moving = 0 WHERE id = ?", (broadcast_id,))
    tx.execute(
        "DELETE FROM broadcast_text WHERE broadcast_id = ? AND "
        "EXISTS (SELECT 1 FROM broadcast b WHERE b.id = broadcast_text.broadcast_id AND b.status = 'cancelled')",
        (broadcast_id,),
    )


def advance(tx: Transaction, broadcast_id: int, cursor: int, left_out: int, now: int) -> None:
    """Remember how far the audience was gone through, and how many were left out."""
    tx.execute(
        "UPDATE broadcast SET cursor = ?, suppressed_count = suppressed_count + ?, status = 'sending', updated_at = ? "
        "WHERE id = ?",
        (cursor, left_out, now, broadcast_id),
    )


def complete(tx: Transaction, broadcast_id: int, now: int) -> None:
    """Nothing is left to be done; the text goes."""
    tx.execute("UPDATE broadcast SET status = 'completed', updated_at = ? WHERE id = ?", (now, broadcast_id))
    tx.execute("DELETE FROM broadcast_text WHERE broadcast_id = ?", (broadcast_id,))


def count(tx: Transaction, broadcast_id: int, deltas: dict[str, int], at: int) -> None:
    """Add to the counts of a broadcast, by their columns' names."""
    changes = ", ".join(f"{name} = {name} + ?" for name in deltas)
    tx.execute(
        f"UPDATE broadcast SET {changes}, updated_at = MAX(updated_at, ?) WHERE id = ?",
        (*deltas.values(), at, broadcast_id),
    )


def _entity(row: tuple[Any, ...]) -> Broadcast:
    values: dict[str, Any] = dict(zip(_NAMES, row, strict=True))
    values["status"] = BroadcastStatus(values["status"])
    values["is_moving"] = bool(values["is_moving"])
    return Broadcast(**values)
