"""What was promised between inboxes and their contacts."""

from typing import Any

from mailserver.entities.commitment import Commitment, CommitmentOwner, CommitmentStatus
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = (
    "id, tenant_id, inbox_id, contact_id, contact_address, text, owner, status, due_at, thread_id, created_at, "
    "updated_at"
)


def add(tx: Transaction, one: Commitment) -> None:
    """Insert a commitment."""
    tx.execute(
        f"INSERT INTO commitment({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.id, one.tenant_id, one.inbox_id, one.contact_id, one.contact_address, one.text, one.owner.value,
            one.status.value, one.due_at, one.thread_id, one.created_at, one.updated_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, commitment_id: int) -> Commitment | None:
    """A commitment by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM commitment WHERE id = ?", (commitment_id,))
    return _entity(row) if row else None


def change(tx: Transaction, one: Commitment) -> None:
    """Write what may be changed of a commitment."""
    tx.execute(
        "UPDATE commitment SET text = ?, status = ?, due_at = ?, updated_at = ? WHERE id = ?",
        (one.text, one.status.value, one.due_at, one.updated_at, one.id),
    )


def page(
    snapshot: Snapshot,
    inbox_id: int,
    contact_id: int | None,
    status: CommitmentStatus | None,
    position: int,
    limit: int,
) -> tuple[list[Commitment], int]:
    """Commitments of an inbox, newest first, and how many there are in all."""
    where, values = ["inbox_id = ?"], [inbox_id]
    if contact_id is not None:
        where, values = ["contact_id = ?"], [contact_id]
    condition, more = " AND ".join(where), []
    if status is not None:
        condition, more = f"{condition} AND status = ?", [status.value]
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM commitment WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?",
        (*values, *more, limit, position),
    )
    total: int = snapshot.one(f"SELECT COUNT(*) FROM commitment WHERE {condition}", (*values, *more))[0]
    return [_entity(row) for row in rows], total


def hand_over(tx: Transaction, inbox_id: int, address: str, to_inbox_id: int, contact_id: int | None, now: int) -> int:
    """Let open commitments with an address be another inbox's of the tenant, and of its contact; how many."""
    return tx.execute(
        "UPDATE commitment SET inbox_id = ?, contact_id = ?, thread_id = NULL, updated_at = ? "
        "WHERE inbox_id = ? AND contact_address = ? AND status = 'open'",
        (to_inbox_id, contact_id, now, inbox_id, address.lower()),
    ).rowcount


def forget_contact(tx: Transaction, contact_id: int) -> None:
    """Keep what was promised to an address whose contact is gone."""
    tx.execute("UPDATE commitment SET contact_id = NULL WHERE contact_id = ?", (contact_id,))


def forget_thread(tx: Transaction, thread_id: int) -> None:
    """Let no commitment point to a thread that is gone."""
    tx.execute("UPDATE commitment SET thread_id = NULL WHERE thread_id = ?", (thread_id,))


def _entity(row: tuple[Any, ...]) -> Commitment:
    return Commitment(
        row[0], row[1], row[2], row[3], row[4], row[5], CommitmentOwner(row[6]), CommitmentStatus(row[7]), row[8],
        row[9], row[10], row[11],
    )  # fmt: skip
