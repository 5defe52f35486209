"""Who gets a broadcast, and what became of each."""

from collections.abc import Sequence

from mailserver.entities.broadcast import Broadcast, BroadcastRecipient, Fate, Reader
from mailserver.storage import deliveries
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = "id, broadcast_id, contact_id, address, fate"
_OPEN = f"({Fate.WAITING:d}, {Fate.TRIED:d})"
# The first address is the one that people mean. Whoever got the label after the broadcast was asked for is not meant.
_READERS = (
    "SELECT e.entity_id, c.full_name, json_extract(c.emails, '$[0][0]') FROM label_entity e "
    "LEFT JOIN contact c ON c.id = e.entity_id WHERE e.label_id = ? AND e.inbox_id = ? AND e.entity_id > ? "
    "AND e.entity_id <= ? AND e.entity_type = 'contact' AND e.created_at <= ? ORDER BY e.entity_id LIMIT ?"
)
_OPEN_IDS = (
    "SELECT r.id FROM broadcast_recipient r JOIN delivery d ON d.id = r.id WHERE r.broadcast_id = ? "
    f"AND r.fate IN {_OPEN} AND d.state = ? LIMIT ?"
)
_LOST = (
    "SELECT r.id FROM broadcast_recipient r LEFT JOIN delivery d ON d.id = r.id WHERE r.broadcast_id = ? "
    f"AND r.fate IN {_OPEN} AND (d.id IS NULL OR d.state NOT IN ('queued', 'held')) LIMIT ?"
)
_IN_QUEUE = (
    "SELECT COUNT(*), COALESCE(SUM(s.is_due), 0) FROM (SELECT d.state = 'queued' AND d.next_attempt_at <= ? AS is_due "
    "FROM broadcast_recipient r JOIN delivery d ON d.id = r.id WHERE r.broadcast_id = ? AND r.fate = ? LIMIT ?) s"
)


def last_contact(snapshot: Snapshot, label_id: int, inbox_id: int) -> int | None:
    """The last contact of an inbox that has a label and an address; None where there is none."""
    row = snapshot.one(
        "SELECT e.entity_id FROM label_entity e JOIN contact c ON c.id = e.entity_id WHERE e.label_id = ? "
        "AND e.inbox_id = ? AND e.entity_type = 'contact' AND c.emails != '[]' ORDER BY e.entity_id DESC LIMIT 1",
        (label_id, inbox_id),
    )
    return row[0] if row else None


def readers(snapshot: Snapshot, broadcast: Broadcast, limit: int) -> tuple[list[Reader], int]:
    """The next of the audience, and how far that is; contacts without an address are passed over."""
    rows = snapshot.all(
        _READERS,
        (
            broadcast.label_id, broadcast.inbox_id, broadcast.cursor, broadcast.last_contact_id, broadcast.created_at,
            limit,
        ),
    )  # fmt: skip
    reached = rows[-1][0] if len(rows) == limit else broadcast.last_contact_id
    return [Reader(*row) for row in rows if row[2]], reached


def known(snapshot: Snapshot, broadcast_id: int, addresses: Sequence[str]) -> set[str]:
    """Those addresses, in normal form, that the broadcast has dealt with."""
    marks = ", ".join("?" * len(addresses))
    sql = f"SELECT address FROM broadcast_recipient WHERE broadcast_id = ? AND address IN ({marks})"
    return {row[0] for row in snapshot.all(sql, (broadcast_id, *addresses))}


def add(tx: Transaction, recipients: Sequence[BroadcastRecipient]) -> None:
    """Insert recipients."""
    tx.executemany(
        f"INSERT INTO broadcast_recipient({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",
        [(each.id, each.broadcast_id, each.contact_id, each.address, int(each.fate)) for each in recipients],
    )


def get(snapshot: Snapshot, number: int) -> BroadcastRecipient | None:
    """A recipient by the id of the delivery."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM broadcast_recipient WHERE id = ?", (number,))
    return BroadcastRecipient(row[0], row[1], row[2], row[3], Fate(row[4])) if row else None


def set_fate(tx: Transaction, number: int, fate: Fate) -> None:
    """Write what became of a recipient."""
    tx.execute("UPDATE broadcast_recipient SET fate = ? WHERE id = ?", (int(fate), number))


def complain(tx: Transaction, number: int) -> bool:
    """Write that a recipient has called the broadcast spam; False where it had done so."""
    cursor = tx.execute("UPDATE broadcast_recipient SET is_complaint = 1 WHERE id = ? AND is_complaint = 0", (number,))
    return cursor.rowcount > 0


def open_first(tx: Transaction, number: int, at: int) -> bool:
    """Write that a recipient has opened the broadcast; False where it had before."""
    cursor = tx.execute("UPDATE broadcast_recipient SET opened_at = ? WHERE id = ? AND opened_at IS NULL", (at, number))
    return cursor.rowcount > 0


def in_queue(snapshot: Snapshot, broadcast_id: int, now: int, limit: int) -> tuple[int, int]:
    """How many messages were not tried yet, so many at the most, and how many of them could be tried just now."""
    row = snapshot.one(_IN_QUEUE, (now, broadcast_id, int(Fate.WAITING), limit))
    return row[0], row[1]


def open_ids(snapshot: Snapshot, broadcast_id: int, state: str, limit: int) -> list[int]:
    """Deliveries of a broadcast that are in an open state."""
    return [row[0] for row in snapshot.all(_OPEN_IDS, (broadcast_id, state, limit))]


def lost(snapshot: Snapshot, broadcast_id: int, limit: int) -> list[int]:
    """Recipients that wait for a delivery which somebody has taken out of the queue."""
    return [row[0] for row in snapshot.all(_LOST, (broadcast_id, limit))]


def queued_ids(snapshot: Snapshot, numbers: Sequence[int]) -> list[tuple[int, int]]:
    """(delivery, queued message) of deliveries that are still open."""
    jobs = deliveries.jobs(snapshot, numbers)
    return [
        (each.id, each.queued_id) for job in jobs for each in job.deliveries if each.state.value in ("queued", "held")
    ]


def expire(tx: Transaction, before_id: int, limit: int) -> int:
    """Forget recipients of long ago; how many."""
    cursor = tx.execute(
        "DELETE FROM broadcast_recipient WHERE id IN (SELECT id FROM broadcast_recipient WHERE id < ? ORDER BY id "
        "LIMIT ?)",
        (before_id, limit),
    )
    return cursor.rowcount


def purge(tx: Transaction, inbox_id: int, limit: int) -> int:
    """Delete some recipients of an inbox's broadcasts; how many."""
    cursor = tx.execute(
        "DELETE FROM broadcast_recipient WHERE id IN (SELECT r.id FROM broadcast b JOIN broadcast_recipient r "
        "ON r.broadcast_id = b.id WHERE b.inbox_id = ? LIMIT ?)",
        (inbox_id, limit),
    )
    return cursor.rowcount
