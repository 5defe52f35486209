"""Suppression queries."""

from collections.abc import Sequence

from mailserver.entities.suppression import Reason, Suppression
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = "id, inbox_id, address, reason, source, suppressed_at"
_CHUNK = 500
LARGEST_PAGE = 1000
# Each half walks an index of its own, and no further than the page reaches.
_LISTED = (
    f"SELECT * FROM (SELECT {_COLUMNS} FROM suppression WHERE inbox_id = ? ORDER BY id DESC LIMIT ?) UNION ALL "
    "SELECT * FROM (SELECT id, inbox_id, address, 'unsubscribed', 'unsubscribe:' || label_key, opted_out_at "
    "FROM opt_out WHERE inbox_id = ? ORDER BY id DESC LIMIT ?) ORDER BY 1 DESC LIMIT ? OFFSET ?"
)


def add(tx: Transaction, suppression: Suppression, tenant_id: int, delivery_id: int | None) -> bool:
    """Stop writing to an address; False where that was so already."""
    cursor = tx.execute(
        "INSERT INTO suppression(id, tenant_id, inbox_id, address, reason, source, delivery_id, suppressed_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (inbox_id, address, reason) DO NOTHING",
        [
            suppression.id,
            tenant_id,
            suppression.inbox_id,
            suppression.address,
            suppression.reason.value,
            suppression.source,
            delivery_id,
            suppression.suppressed_at,
        ],
    )
    return cursor.rowcount > 0


def find(snapshot: Snapshot, inbox_id: int, addresses: Sequence[str]) -> list[Suppression]:
    """Which of these normal forms are suppressed, and why."""
    found: list[Suppression] = []
    for start in range(0, len(addresses), _CHUNK):
        some = addresses[start : start + _CHUNK]
        marks = ", ".join("?" * len(some))
        sql = f"SELECT {_COLUMNS} FROM suppression WHERE inbox_id = ? AND address IN ({marks}) ORDER BY id"
        found.extend(_entity(row) for row in snapshot.all(sql, [inbox_id, *some]))
    return found


def page(snapshot: Snapshot, inbox_id: int, limit: int, offset: int = 0) -> list[Suppression]:
    """An inbox's list, newest first, with those who have left one of its labels."""
    limit = min(limit, LARGEST_PAGE)
    return [_entity(row) for row in snapshot.all(_LISTED, [*[inbox_id, limit + offset] * 2, limit, offset])]


def count(snapshot: Snapshot, inbox_id: int) -> int:
    """How many addresses an inbox does not write to."""
    row = snapshot.one(
        "SELECT (SELECT COUNT(*) FROM suppression WHERE inbox_id = ?) "
        "+ (SELECT COUNT(*) FROM opt_out WHERE inbox_id = ?)",
        [inbox_id, inbox_id],
    )
    number: int = row[0]
    return number


def remove(tx: Transaction, inbox_id: int, address: str, reason: Reason) -> bool:
    """Write to an address again; False where nothing stood in the way."""
    cursor = tx.execute(
        "DELETE FROM suppression WHERE inbox_id = ? AND address = ? AND reason = ?", [inbox_id, address, reason.value]
    )
    return cursor.rowcount > 0


def _entity(row: tuple[int, int, str, str, str, int]) -> Suppression:
    identity, inbox_id, address, reason, source, suppressed_at = row
    return Suppression(identity, inbox_id, address, Reason(reason), source, suppressed_at)
