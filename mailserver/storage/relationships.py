"""How much inboxes and addresses have to do with each other: weights that fade.

Each message weighs 1 and half of it is gone after HALF_LIFE_MS. All weights fade alike, so that the order of an inbox's
relationships changes only with new messages: `rank` is kept with the row, and the strongest are the end of an index.
"""

import math
from typing import Any

from mailserver.entities.activity import Relationship
from mailserver.storage.database import Snapshot, Transaction

HALF_LIFE_MS = 90 * 86_400_000  # a quarter: who was written to weekly is no stranger after a long holiday
_COLUMNS = "address, outbound, inbound, outbound_count, inbound_count, last_at"


def faded(weight: float, milliseconds: int) -> float:
    """What is left of a weight after a time."""
    return weight * math.pow(0.5, max(milliseconds, 0) / HALF_LIFE_MS)


def count(tx: Transaction, inbox_id: int, address: str, at: int, *, outbound: bool) -> None:
    """Add one message, to an address or from it."""
    row = tx.one(f"SELECT {_COLUMNS} FROM relationship WHERE inbox_id = ? AND address = ?", (inbox_id, address))
    known = Relationship(*row) if row else Relationship(address, 0.0, 0.0, 0, 0, at)
    last_at = max(known.last_at, at)
    weight = faded(1.0, last_at - at)
    to, back = faded(known.outbound, last_at - known.last_at), faded(known.inbound, last_at - known.last_at)
    to, back = (to + weight, back) if outbound else (to, back + weight)
    _put(
        tx, inbox_id,
        Relationship(
            address, to, back, known.outbound_count + int(outbound), known.inbound_count + int(not outbound), last_at
        ),
    )  # fmt: skip


def seed(tx: Transaction, inbox_id: int, address: str, at: int) -> None:
    """Let an address be known, without a message yet; nothing happens where it is."""
    if not tx.one("SELECT 1 FROM relationship WHERE inbox_id = ? AND address = ?", (inbox_id, address)):
        _put(tx, inbox_id, Relationship(address, 0.0, 0.0, 0, 0, at))


def strongest(snapshot: Snapshot, inbox_id: int, limit: int) -> list[Relationship]:
    """The strongest relationships of an inbox."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM relationship WHERE inbox_id = ? ORDER BY rank DESC LIMIT ?", (inbox_id, limit)
    )
    return [Relationship(*row) for row in rows]


def of(snapshot: Snapshot, inbox_id: int, addresses: list[str]) -> list[Relationship]:
    """The relationships with some addresses."""
    marks = ",".join("?" * len(addresses))
    rows: list[Any] = snapshot.all(
        f"SELECT {_COLUMNS} FROM relationship WHERE inbox_id = ? AND address IN ({marks})", (inbox_id, *addresses)
    )
    return [Relationship(*row) for row in rows]


def expire(tx: Transaction, before: int, limit: int) -> int:
    """Forget whom there was nothing with since a time; how many."""
    return tx.execute(
        "DELETE FROM relationship WHERE (inbox_id, address) IN "
        "(SELECT inbox_id, address FROM relationship WHERE last_at < ? LIMIT ?)",
        (before, limit),
    ).rowcount


def _put(tx: Transaction, inbox_id: int, one: Relationship) -> None:
    # What was only made known ranks as one message of its day.
    rank = one.last_at / HALF_LIFE_MS + math.log2((one.outbound + one.inbound) or 1.0)
    tx.execute(
        "INSERT INTO relationship VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(inbox_id, address) DO UPDATE SET "
        "outbound = excluded.outbound, inbound = excluded.inbound, outbound_count = excluded.outbound_count, "
        "inbound_count = excluded.inbound_count, last_at = excluded.last_at, rank = excluded.rank",
        (
            inbox_id, one.address, one.outbound, one.inbound, one.outbound_count, one.inbound_count, one.last_at, rank,
        ),
    )  # fmt: skip
