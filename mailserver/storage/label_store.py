"""The labels of a tenant, and what they are on."""

from typing import Any

from mailserver.entities.label import Label, LabelSource, LabelType, ThreadLabel
from mailserver.storage import changes, tickets
from mailserver.storage.database import Snapshot, Transaction

MOST = 2_000  # of one tenant
CONTACT = "contact"
_COLUMNS = "l.id, l.tenant_id, l.atom, l.display, l.kind, l.color, l.label_group, l.created_at"


def add(tx: Transaction, label: Label) -> None:
    """Insert a label."""
    tx.execute(
        "INSERT INTO label(id, tenant_id, atom, display, kind, color, label_group, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            label.id, label.tenant_id, label.key, label.name, label.type.value, label.color, label.group,
            label.created_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, label_id: int) -> Label | None:
    """A label by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM label l WHERE l.id = ?", (label_id,))
    return _entity(row) if row else None


def by_key(snapshot: Snapshot, tenant_id: int, key: str) -> Label | None:
    """A label by its key."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM label l WHERE l.tenant_id = ? AND l.atom = ?", (tenant_id, key))
    return _entity(row) if row else None


def of_tenant(snapshot: Snapshot, tenant_id: int, kind: LabelType | None = None) -> list[Label]:
    """The labels of a tenant by their keys; of a type, those too that may be on anything."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM label l WHERE l.tenant_id = ? ORDER BY l.atom LIMIT ?", (tenant_id, MOST)
    )
    found = [_entity(row) for row in rows]
    return [each for each in found if kind is None or each.type in (kind, LabelType.ANY)]


def count(snapshot: Snapshot, tenant_id: int) -> int:
    """How many labels a tenant has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM label WHERE tenant_id = ?", (tenant_id,))[0]
    return number


def change(tx: Transaction, label: Label) -> None:
    """Write what may be changed of a label."""
    tx.execute(
        "UPDATE label SET display = ?, kind = ?, color = ?, label_group = ? WHERE id = ?",
        (label.name, label.type.value, label.color, label.group, label.id),
    )


def strip(tx: Transaction, label_id: int, most: int, now: int) -> int:
    """Take a label off some of the messages that have it, so that their clients hear of it; off how many."""
    rows = tx.all("SELECT message_id FROM message_label WHERE label_id = ? LIMIT ?", (label_id, most))
    for (message_id,) in rows:
        detach(tx, label_id, message_id, now)
    return len(rows)


def remove(tx: Transaction, label_id: int) -> None:
    """Delete a label that is on no message any more, and take it off everything else."""
    for table in ("message_label", "thread_label", "label_entity", "label_suggestion"):
        tx.execute(f"DELETE FROM {table} WHERE label_id = ?", (label_id,))
    tickets.forget_label(tx, label_id)
    tx.execute("DELETE FROM label WHERE id = ?", (label_id,))


# -- messages and threads -----------------------------------------------------------------------------------------


def of_message(snapshot: Snapshot, message_id: int) -> list[Label]:
    """The labels on a message."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM message_label m JOIN label l ON l.id = m.label_id WHERE m.message_id = ? "
        "ORDER BY l.atom",
        (message_id,),
    )
    return [_entity(row) for row in rows]


def attach(tx: Transaction, label_id: int, message_id: int, now: int) -> bool:
    """Put a label on a message; False, and nothing happens, where it is there."""
    inbox_id, received_at, thread_id = _message(tx, message_id)
    if (
        tx.execute(
            "INSERT INTO message_label VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (label_id, inbox_id, received_at, message_id),
        ).rowcount
        <= 0
    ):
        return False
    tx.execute(
        "INSERT INTO thread_label(label_id, inbox_id, thread_id, message_count) VALUES (?, ?, ?, 1) "
        "ON CONFLICT(label_id, thread_id) DO UPDATE SET message_count = thread_label.message_count + 1",
        (label_id, inbox_id, thread_id),
    )
    _touch(tx, inbox_id, message_id, thread_id, now)
    return True


def detach(tx: Transaction, label_id: int, message_id: int, now: int) -> bool:
    """Take a label off a message; False, and nothing happens, where it is not there."""
    inbox_id, received_at, thread_id = _message(tx, message_id)
    if (
        tx.execute(
            "DELETE FROM message_label WHERE label_id = ? AND inbox_id = ? AND received_at = ? AND message_id = ?",
            (label_id, inbox_id, received_at, message_id),
        ).rowcount
        <= 0
    ):
        return False
    tx.execute(
        "UPDATE thread_label SET message_count = message_count - 1 WHERE label_id = ? AND thread_id = ?",
        (label_id, thread_id),
    )
    tx.execute(
        "DELETE FROM thread_label WHERE label_id = ? AND thread_id = ? AND message_count <= 0 AND source IS NULL",
        (label_id, thread_id),
    )
    _touch(tx, inbox_id, message_id, thread_id, now)
    return True


def of_thread(snapshot: Snapshot, thread_id: int) -> list[ThreadLabel]:
    """The labels on a thread, and who put them there."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS}, t.source, t.confidence FROM thread_label t JOIN label l ON l.id = t.label_id "
        "WHERE t.thread_id = ? ORDER BY l.atom",
        (thread_id,),
    )
    return [ThreadLabel(_entity(row[:8]), LabelSource(row[8]) if row[8] else None, row[9]) for row in rows]


def attach_thread(
    tx: Transaction, label_id: int, thread_id: int, source: LabelSource, confidence: float | None
) -> bool:
    """Put a label on a thread, whatever its messages have; False where it was there."""
    (inbox_id,) = tx.one("SELECT inbox_id FROM thread WHERE id = ?", (thread_id,))
    known = tx.one("SELECT 1 FROM thread_label WHERE label_id = ? AND thread_id = ?", (label_id, thread_id))
    tx.execute(
        "INSERT INTO thread_label(label_id, inbox_id, thread_id, message_count, source, confidence) "
        "VALUES (?, ?, ?, 0, ?, ?) ON CONFLICT(label_id, thread_id) DO UPDATE SET source = excluded.source, "
        "confidence = excluded.confidence",
        (label_id, inbox_id, thread_id, source.value, confidence),
    )
    changes.touch_thread(tx, inbox_id, thread_id)
    return known is None


def detach_thread(tx: Transaction, label_id: int, thread_id: int, now: int) -> bool:
    """Take a label off a thread and off its messages; False where it was on none of them."""
    known = tx.one("SELECT 1 FROM thread_label WHERE label_id = ? AND thread_id = ?", (label_id, thread_id))
    (inbox_id,) = tx.one("SELECT inbox_id FROM thread WHERE id = ?", (thread_id,))
    for (message_id,) in tx.all(
        "SELECT m.id FROM message m JOIN message_label l ON l.message_id = m.id WHERE m.thread_id = ? "
        "AND l.label_id = ?",
        (thread_id, label_id),
    ):
        detach(tx, label_id, message_id, now)
    tx.execute("DELETE FROM thread_label WHERE label_id = ? AND thread_id = ?", (label_id, thread_id))
    tickets.forget_class(tx, thread_id, label_id)
    changes.touch_thread(tx, inbox_id, thread_id)
    return known is not None


# -- contacts -----------------------------------------------------------------------------------------------------


def attach_contact(tx: Transaction, label_id: int, contact_id: int, inbox_id: int, now: int) -> int:
    """Put a label on a contact; when it was put there first."""
    tx.execute(
        "INSERT INTO label_entity VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (label_id, CONTACT, contact_id, inbox_id, now),
    )
    row = tx.one(
        "SELECT created_at FROM label_entity WHERE label_id = ? AND entity_type = ? AND entity_id = ?",
        (label_id, CONTACT, contact_id),
    )
    return int(row[0])


def detach_contact(tx: Transaction, label_id: int, contact_id: int) -> None:
    """Take a label off a contact."""
    tx.execute(
        "DELETE FROM label_entity WHERE label_id = ? AND entity_type = ? AND entity_id = ?",
        (label_id, CONTACT, contact_id),
    )


def contacts(
    snapshot: Snapshot, label_id: int, inbox_id: int, position: int, limit: int
) -> tuple[list[tuple[int, int]], int]:
    """(contact, when) of an inbox's contacts that have a label, oldest first; how many in all."""
    rows = snapshot.all(
        "SELECT entity_id, created_at FROM label_entity WHERE label_id = ? AND inbox_id = ? ORDER BY entity_id "
        "LIMIT ? OFFSET ?",
        (label_id, inbox_id, limit, position),
    )
    total = snapshot.one("SELECT COUNT(*) FROM label_entity WHERE label_id = ? AND inbox_id = ?", (label_id, inbox_id))[
        0
    ]
    return rows, total


def _message(tx: Transaction, message_id: int) -> tuple[int, int, int]:
    inbox_id, received_at, thread_id = tx.one(
        "SELECT inbox_id, received_at, thread_id FROM message WHERE id = ?", (message_id,)
    )
    return inbox_id, received_at, thread_id


def _touch(tx: Transaction, inbox_id: int, message_id: int, thread_id: int, now: int) -> None:
    modseq = changes.advance(tx, inbox_id)
    tx.execute("UPDATE message SET modseq = ?, updated_at = ? WHERE id = ?", (modseq, now, message_id))
    changes.mark(tx, inbox_id, changes.EMAIL, modseq)
    changes.touch_thread(tx, inbox_id, thread_id)


def _entity(row: tuple[Any, ...]) -> Label:
    return Label(row[0], row[1], row[2], row[3], LabelType(row[4]), row[5], row[6], row[7])
