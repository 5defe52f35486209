"""Mail that moves in and out: what was brought before, what lies where, and what is to be written down elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mailserver.entities import keyword
from mailserver.entities.message import Flag
from mailserver.entities.moving import Kept
from mailserver.storage import files, labels
from mailserver.storage.database import Snapshot, Transaction

AT_ONCE = 500
_KEPT = (
    "SELECT m.inbox_id, m.id, m.size, m.received_at, m.flags, d.people, m.blob "
    "FROM placement p JOIN message m ON m.id = p.message_id JOIN message_data d ON d.message_id = m.id "
)


@dataclass(frozen=True, slots=True)
class Lying:
    """A message of an inbox with the bytes that are asked for, and where it lies."""

    message_id: int
    flags: int
    received_at: int
    folder_ids: frozenset[int]


def known(snapshot: Snapshot, inbox_id: int, tokens: Sequence[bytes]) -> set[bytes]:
    """Those tokens that an inbox has had."""
    found: set[bytes] = set()
    for start in range(0, len(tokens), AT_ONCE):
        some = tokens[start : start + AT_ONCE]
        marks = ",".join("?" * len(some))
        rows = snapshot.all(f"SELECT token FROM imported WHERE inbox_id = ? AND token IN ({marks})", (inbox_id, *some))
        found |= {bytes(row[0]) for row in rows}
    return found


def note(tx: Transaction, inbox_id: int, tokens: Sequence[bytes], now: int) -> None:
    """Remember that an inbox has had them."""
    tx.executemany("INSERT INTO imported VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [(inbox_id, t, now) for t in tokens])


def begin(tx: Transaction, inbox_id: int, message_ids: Sequence[int]) -> None:
    """Note whose files are about to be written."""
    tx.executemany("INSERT INTO importing VALUES (?, ?)", [(inbox_id, each) for each in message_ids])


def end(tx: Transaction, inbox_id: int, message_ids: Sequence[int]) -> None:
    """They have their rows, or their files are gone."""
    tx.executemany("DELETE FROM importing WHERE inbox_id = ? AND message_id = ?", [(inbox_id, e) for e in message_ids])


def begun(snapshot: Snapshot, inbox_id: int) -> list[int]:
    """Those whose files were about to be written."""
    return [row[0] for row in snapshot.all("SELECT message_id FROM importing WHERE inbox_id = ?", (inbox_id,))]


def with_content(snapshot: Snapshot, inbox_id: int, blobs: Sequence[bytes]) -> dict[bytes, list[Lying]]:
    """The messages of an inbox that have these bytes, as far as they lie in a folder, by the hash of their bytes."""
    found: dict[bytes, dict[int, list[Any]]] = {}
    for start in range(0, len(blobs), AT_ONCE):
        some = blobs[start : start + AT_ONCE]
        marks = ",".join("?" * len(some))
        for blob, message_id, flags, received_at, folder_id in snapshot.all(
            "SELECT m.blob, m.id, m.flags, m.received_at, p.folder_id FROM message m "
            f"JOIN placement p ON p.message_id = m.id WHERE m.inbox_id = ? AND m.blob IN ({marks})",
            (inbox_id, *some),
        ):
            row = found.setdefault(bytes(blob), {}).setdefault(message_id, [flags, received_at, set()])
            row[2].add(folder_id)
    return {
        blob: [Lying(each, row[0], row[1], frozenset(row[2])) for each, row in rows.items()]
        for blob, rows in found.items()
    }


def page(snapshot: Snapshot, folder_id: int, after: tuple[int, int], limit: int) -> list[Kept]:
    """Messages of a folder, oldest first, behind one that is named by its time and id."""
    rows = snapshot.all(
        f"{_KEPT} WHERE p.folder_id = ? AND (p.received_at, p.message_id) > (?, ?) "
        "ORDER BY p.received_at, p.message_id LIMIT ?",
        (folder_id, *after, limit),
    )
    atoms = labels.atoms_of_messages(snapshot, [row[1] for row in rows]) if rows else {}
    return [_kept(row, atoms.get(row[1], ())) for row in rows]


def _kept(row: Any, atoms: Sequence[str]) -> Kept:
    inbox_id, message_id, size, received_at, flags, people, blob = row
    senders = orjson.loads(people).get("from") or [("", None)]
    words = tuple(keyword.written(Flag(flags), atoms))
    place = files.location(inbox_id, message_id)
    return Kept(message_id, place, size, received_at, words, senders[0][0] or "", bytes(blob))
