"""Whom an inbox has written to: people whose answers are welcome."""

from collections.abc import Iterable, Sequence

from mailserver.storage.database import Snapshot, Transaction

MOST = 20_000  # of one inbox; those written to longest ago are forgotten
MOST_AT_ONCE = 1_000
_CHUNK = 500  # inboxes that one question names


def note(tx: Transaction, inbox_id: int, addresses: Iterable[str], at: int) -> None:
    """Remember that an inbox wrote to these normal forms."""
    is_new = False
    for address in sorted(set(addresses))[:MOST_AT_ONCE]:
        known = tx.execute(
            "UPDATE correspondent SET written_at = ? WHERE inbox_id = ? AND address = ? AND written_at < ?",
            (at, inbox_id, address, at),
        )
        if not known.rowcount:
            added = tx.execute(
                "INSERT INTO correspondent(inbox_id, address, written_at) VALUES (?, ?, ?) "
                "ON CONFLICT(inbox_id, address) DO NOTHING",
                (inbox_id, address, at),
            )
            is_new = is_new or added.rowcount > 0
    if is_new:
        _bound(tx, inbox_id)


def known(snapshot: Snapshot, inbox_ids: Sequence[int], address: str) -> bool:
    """Whether any of these inboxes has written to an address."""
    return bool(known_to(snapshot, inbox_ids, address))


def known_to(snapshot: Snapshot, inbox_ids: Sequence[int], address: str) -> frozenset[int]:
    """Which of these inboxes have written to an address."""
    found: set[int] = set()
    for start in range(0, len(inbox_ids), _CHUNK):
        some = inbox_ids[start : start + _CHUNK]
        marks = ", ".join("?" * len(some))
        sql = f"SELECT inbox_id FROM correspondent WHERE address = ? AND inbox_id IN ({marks})"
        found.update(row[0] for row in snapshot.all(sql, (address, *some)))
    return frozenset(found)


def _bound(tx: Transaction, inbox_id: int) -> None:
    (count,) = tx.one("SELECT COUNT(*) FROM correspondent WHERE inbox_id = ?", (inbox_id,))
    if count > MOST:
        tx.execute(
            "DELETE FROM correspondent WHERE inbox_id = ? AND address IN "
            "(SELECT address FROM correspondent WHERE inbox_id = ? ORDER BY written_at, address LIMIT ?)",
            (inbox_id, inbox_id, count - MOST + MOST // 100),
        )
