"""Messages as clients keep copies of them: rows with their folders and keywords, and where bytes are found."""

from collections.abc import Sequence
from typing import Any

import orjson

from mailserver.entities.email import Email
from mailserver.entities.message import Flag
from mailserver.mail.address import Person
from mailserver.storage.database import Snapshot, Transaction

AT_ONCE = 500  # ids of one statement; the plus before inbox_id keeps SQLite from walking the whole inbox for them
_COLUMNS = (
    "m.id, m.inbox_id, m.thread_id, m.blob, m.size, m.received_at, m.sent_at, m.flags, m.has_attachment, "
    "d.header_id, d.subject, d.people, d.in_reply_to, d.refs, d.preview, m.modseq"
)


def get(snapshot: Snapshot, inbox_id: int, ids: Sequence[int]) -> dict[int, Email]:
    """Messages of an inbox by their ids. One that lies in no folder is none of a client's business."""
    found: dict[int, Email] = {}
    for start in range(0, len(ids), AT_ONCE):
        found |= _some(snapshot, inbox_id, ids[start : start + AT_ONCE])
    return found


def _some(snapshot: Snapshot, inbox_id: int, ids: Sequence[int]) -> dict[int, Email]:
    marks = ",".join("?" * len(ids))
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM message m JOIN message_data d ON d.message_id = m.id "
        f"WHERE m.id IN ({marks}) AND +m.inbox_id = ?",
        (*ids, inbox_id),
    )
    folders: dict[int, list[int]] = {}
    for message_id, folder_id in snapshot.all(
        f"SELECT message_id, folder_id FROM placement WHERE message_id IN ({marks})", ids
    ):
        folders.setdefault(message_id, []).append(folder_id)
    labels: dict[int, list[str]] = {}
    for message_id, atom in snapshot.all(
        "SELECT m.message_id, l.atom FROM message_label m JOIN label l ON l.id = m.label_id "
        f"WHERE m.message_id IN ({marks}) ORDER BY l.atom",
        ids,
    ):
        labels.setdefault(message_id, []).append(atom)
    return {
        row[0]: _email(row, tuple(labels.get(row[0], ())), tuple(folders[row[0]])) for row in rows if row[0] in folders
    }


def placed(snapshot: Snapshot, inbox_id: int, ids: Sequence[int]) -> dict[int, int]:
    """Those of some ids that are messages in a folder of an inbox, with their threads."""
    found: dict[int, int] = {}
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        marks = ",".join("?" * len(some))
        found |= dict(
            snapshot.all(
                f"SELECT m.id, m.thread_id FROM message m WHERE m.id IN ({marks}) AND +m.inbox_id = ? "
                "AND EXISTS (SELECT 1 FROM placement p WHERE p.message_id = m.id)",
                (*some, inbox_id),
            )
        )
    return found


def of_threads(snapshot: Snapshot, inbox_id: int, thread_ids: Sequence[int]) -> dict[int, list[int]]:
    """The messages of threads that lie in a folder, oldest first."""
    found: dict[int, list[int]] = {}
    for start in range(0, len(thread_ids), AT_ONCE):
        some = thread_ids[start : start + AT_ONCE]
        marks = ",".join("?" * len(some))
        for thread_id, message_id in snapshot.all(
            f"SELECT m.thread_id, m.id FROM message m WHERE m.thread_id IN ({marks}) AND +m.inbox_id = ? "
            "AND EXISTS (SELECT 1 FROM placement p WHERE p.message_id = m.id) ORDER BY m.received_at, m.id",
            (*some, inbox_id),
        ):
            found.setdefault(thread_id, []).append(message_id)
    return found


def mark_ours(tx: Transaction, message_id: int) -> None:
    """Note that a message is one that the inbox has written: it goes out."""
    tx.execute("UPDATE message SET is_ours = 1 WHERE id = ? AND is_ours = 0", (message_id,))


def with_blob(snapshot: Snapshot, inbox_id: int, digest: bytes) -> tuple[int, int] | None:
    """A message of an inbox that has these bytes: its id and size."""
    row = snapshot.one(
        "SELECT id, size FROM message WHERE inbox_id = ? AND blob = ? ORDER BY id LIMIT 1", (inbox_id, digest)
    )
    return (row[0], row[1]) if row else None


def referring(snapshot: Snapshot, inbox_id: int, digest: bytes, most: int) -> list[int]:
    """Messages of an inbox that have these bytes."""
    rows = snapshot.all(
        "SELECT id FROM message WHERE inbox_id = ? AND blob = ? ORDER BY id LIMIT ?", (inbox_id, digest, most)
    )
    return [row[0] for row in rows]


def upload_with(snapshot: Snapshot, inbox_id: int, digest: bytes, now: int) -> tuple[int, str] | None:
    """An upload of an inbox that has these bytes: its size and type."""
    row = snapshot.one(
        "SELECT size, content_type FROM upload WHERE hash = ? AND inbox_id = ? AND expires_at > ? "
        "ORDER BY expires_at DESC LIMIT 1",
        (digest, inbox_id, now),
    )
    return (row[0], row[1]) if row else None


def _email(row: Sequence[Any], labels: tuple[str, ...], folder_ids: tuple[int, ...]) -> Email:
    people = {
        kind: tuple(Person(address, name) for address, name in each) for kind, each in orjson.loads(row[11]).items()
    }
    return Email(
        id=row[0], inbox_id=row[1], thread_id=row[2], blob=row[3], size=row[4], received_at=row[5], sent_at=row[6],
        flags=Flag(row[7]), labels=labels, folder_ids=folder_ids, has_attachment=bool(row[8]), header_id=row[9],
        subject=row[10], people=people, in_reply_to=row[12], references=tuple(row[13].split()), preview=row[14],
        modseq=row[15],
    )  # fmt: skip
