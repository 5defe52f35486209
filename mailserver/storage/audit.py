"""What a check of the whole store asks and corrects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.mail.message import Parsed
from mailserver.storage import ingest
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.records import Copy

_COUNTED = """
SELECT f.id, f.total_messages, f.unread_messages, f.total_threads, f.unread_threads,
  (SELECT COUNT(*) FROM placement p WHERE p.folder_id = f.id),
  (SELECT COUNT(*) FROM placement p WHERE p.folder_id = f.id AND p.unread = 1),
  (SELECT COUNT(*) FROM folder_thread t WHERE t.folder_id = f.id),
  (SELECT COUNT(*) FROM folder_thread t JOIN thread h ON h.id = t.thread_id
     WHERE t.folder_id = f.id AND h.unread_count > 0)
FROM folder f
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A message row as the check needs it."""

    message_id: int
    inbox_id: int
    tenant_id: int
    size: int
    blob: bytes


def messages(snapshot: Snapshot, after: int, limit: int) -> list[Listed]:
    """Messages in the order of their ids, behind one."""
    rows = snapshot.all(
        "SELECT id, inbox_id, tenant_id, size, blob FROM message WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
    )
    return [Listed(*row) for row in rows]


def named(snapshot: Snapshot, places: Sequence[str]) -> set[str]:
    """Those locations that a message or a queued message names."""
    by_message: dict[int, list[str]] = {}
    for place in places:
        try:
            by_message.setdefault(identifiers.decode(Kind.MESSAGE, place.rpartition("/")[2]), []).append(place)
        except identifiers.BadIdentifier:
            continue
    marks = ",".join("?" * len(by_message))
    rows = snapshot.all(f"SELECT id FROM message WHERE id IN ({marks})", [*by_message]) if by_message else []
    found = {place for (message_id,) in rows for place in by_message[message_id]}
    marks = ",".join("?" * len(places))
    waiting = f"SELECT location FROM queued WHERE open_deliveries > 0 AND location IN ({marks})"
    return found | {row[0] for row in snapshot.all(waiting, places)}


def removable(snapshot: Snapshot, limit: int) -> list[str]:
    """Files of deleted messages that the queue does not need, and of mail that is finished and nobody keeps."""
    rows = snapshot.all(
        "SELECT r.location FROM removed_file r WHERE NOT EXISTS "
        "(SELECT 1 FROM queued q WHERE q.location = r.location AND q.open_deliveries > 0) LIMIT ?",
        (limit,),
    )
    return [row[0] for row in rows]


def removed(snapshot: Snapshot, places: Sequence[str]) -> set[str]:
    """Those locations whose messages were deleted and that wait for the sweeper."""
    marks = ",".join("?" * len(places))
    return {row[0] for row in snapshot.all(f"SELECT location FROM removed_file WHERE location IN ({marks})", places)}


def forget_removed(tx: Transaction, places: Sequence[str]) -> None:
    """The files are gone."""
    tx.executemany("DELETE FROM removed_file WHERE location = ?", [(place,) for place in places])


def integrity(snapshot: Snapshot) -> str:
    """`ok`, or what the database says of itself."""
    return str(snapshot.one("PRAGMA quick_check(1)")[0])


def wrong_counters(snapshot: Snapshot) -> int:
    """How many folders count what they do not have."""
    return sum(row[1:5] != row[5:9] for row in snapshot.all(_COUNTED))


def correct_counters(tx: Transaction) -> int:
    """Write the counts of folders as their rows have them; how many were wrong."""
    wrong = [row for row in tx.all(_COUNTED) if row[1:5] != row[5:9]]
    tx.executemany(
        "UPDATE folder SET total_messages = ?, unread_messages = ?, total_threads = ?, unread_threads = ? WHERE id = ?",
        [(*row[5:9], row[0]) for row in wrong],
    )
    return len(wrong)


def clear_search(tx: Transaction) -> None:
    """Empty the search index."""
    tx.execute("INSERT INTO search(search) VALUES ('delete-all')")


def search_row(listed: Listed, parsed: Parsed) -> tuple[Any, ...]:
    """A message as its row of the search index."""
    return ingest.search_row(Copy(listed.message_id, listed.inbox_id, listed.tenant_id, ""), parsed)


def add_search(tx: Transaction, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows to the search index."""
    tx.executemany(ingest.INSERT_SEARCH, rows)
