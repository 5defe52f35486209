"""Labels of messages: one dictionary a tenant, from what people see to an atom that IMAP and JMAP can carry."""

import time
from collections.abc import Iterable, Sequence

from mailserver.entities import label
from mailserver.entities.identifiers import IdSource
from mailserver.storage.database import Snapshot, Transaction


def attach(tx: Transaction, ids: IdSource, tenant_id: int, message_id: int, displays: Iterable[str]) -> None:
    """Put labels on a message, made where the tenant has them not yet."""
    row = tx.one("SELECT inbox_id, received_at, thread_id FROM message WHERE id = ?", (message_id,))
    if row is None:
        return
    inbox_id, received_at, thread_id = row
    for display in displays:
        label_id = _ensure(tx, ids, tenant_id, display)
        cursor = tx.execute(
            "INSERT INTO message_label VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (label_id, inbox_id, received_at, message_id),
        )
        if cursor.rowcount > 0:
            tx.execute(
                "INSERT INTO thread_label(label_id, inbox_id, thread_id, message_count) VALUES (?, ?, ?, 1) "
                "ON CONFLICT(label_id, thread_id) DO UPDATE SET message_count = thread_label.message_count + 1",
                (label_id, inbox_id, thread_id),
            )


def detach_all(tx: Transaction, message_id: int) -> None:
    """Take every label off a message that is removed."""
    tx.execute(
        "UPDATE thread_label SET message_count = message_count - 1 WHERE thread_id = "
        "(SELECT thread_id FROM message WHERE id = ?) "
        "AND label_id IN (SELECT label_id FROM message_label WHERE message_id = ?)",
        (message_id, message_id),
    )
    tx.execute(
        "DELETE FROM thread_label WHERE thread_id = (SELECT thread_id FROM message WHERE id = ?) "
        "AND message_count <= 0 AND source IS NULL",
        (message_id,),
    )
    tx.execute("DELETE FROM message_label WHERE message_id = ?", (message_id,))


def of_messages(snapshot: Snapshot, message_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The labels of messages, as people see them."""
    return _of(snapshot, "message", "display", message_ids)


def atoms_of_messages(snapshot: Snapshot, message_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The labels of messages, as programs name them."""
    return _of(snapshot, "message", "atom", message_ids)


def of_threads(snapshot: Snapshot, thread_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The labels of threads, those that only their messages have included, as people see them."""
    return _of(snapshot, "thread", "display", thread_ids)


def _of(snapshot: Snapshot, kind: str, shown: str, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
    marks = ",".join("?" * len(numbers))
    found: dict[int, list[str]] = {}
    for number, text in snapshot.all(
        f"SELECT o.{kind}_id, l.{shown} FROM {kind}_label o JOIN label l ON l.id = o.label_id "
        f"WHERE o.{kind}_id IN ({marks}) ORDER BY l.atom",
        numbers,
    ):
        found.setdefault(number, []).append(text)
    return {number: tuple(texts) for number, texts in found.items()}


def _ensure(tx: Transaction, ids: IdSource, tenant_id: int, display: str) -> int:
    name = label.atom(display)
    row = tx.one("SELECT id FROM label WHERE tenant_id = ? AND atom = ?", (tenant_id, name))
    if row is not None:
        return int(row[0])
    label_id = ids.next()
    tx.execute(
        "INSERT INTO label(id, tenant_id, atom, display, kind, created_at) VALUES (?, ?, ?, ?, 'message', ?)",
        (label_id, tenant_id, name, display.strip()[:100], int(time.time() * 1000)),
    )
    return label_id
