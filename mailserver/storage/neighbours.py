"""The index of messages whose labels were confirmed or dismissed, by which like ones are found.

Words are hashes with the inbox in them, so that no message is ever the neighbour of another inbox's.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mailserver.entities.label import Label, LabelType
from mailserver.storage.database import Snapshot, Transaction

MOST_EXAMPLES = 1_000  # of one inbox; the oldest go first
KEPT_EXAMPLES = 800  # after they were thinned out, so that it is not done at every one
HASH_BYTES = 6
MOST_USABLE = 2_000
MOST_LOOKED_AT = 20_000  # labels on messages of one inbox, the newest
GIVEN_KEYS = ("unauthenticated",)  # services/inbound/judgement.py
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A message that is like another one: its words, the labels that it has, and those that were dismissed for it."""

    message_id: int
    words: frozenset[str]
    labels: frozenset[int]
    dismissed: frozenset[int]


def hashed(inbox_id: int, words: Iterable[str]) -> tuple[str, ...]:
    """Words as the index has them."""
    salt = inbox_id.to_bytes(8, "big")
    return tuple(
        dict.fromkeys(
            hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=HASH_BYTES, key=salt).hexdigest()
            for word in words
        )
    )


def given(snapshot: Snapshot, tenant_id: int) -> frozenset[int]:
    """The labels that the server itself puts on what comes in: they say nothing about what anybody thinks of it."""
    marks = ",".join("?" * len(GIVEN_KEYS))
    rows = snapshot.all(f"SELECT id FROM label WHERE tenant_id = ? AND atom IN ({marks})", (tenant_id, *GIVEN_KEYS))
    return frozenset(row[0] for row in rows)


def missing(snapshot: Snapshot, inbox_id: int, but: Collection[int], limit: int) -> list[int]:
    """The newest messages that teach something, by other labels than some, and are not in the index yet."""
    marks = ",".join("?" * len(but))
    rows = snapshot.all(
        "SELECT message_id FROM (SELECT message_id FROM (SELECT DISTINCT message_id FROM (SELECT message_id, label_id "
        "FROM message_label WHERE inbox_id = ? ORDER BY message_id DESC LIMIT ?) AS newest "
        f"WHERE label_id NOT IN ({marks}) LIMIT ?) UNION SELECT message_id FROM "
        "(SELECT DISTINCT message_id FROM label_suggestion WHERE inbox_id = ? AND state = 'dismissed' "
        "ORDER BY message_id DESC LIMIT ?)) AS taught WHERE NOT EXISTS (SELECT 1 FROM label_example e "
        "WHERE e.inbox_id = ? AND e.message_id = taught.message_id) ORDER BY message_id DESC LIMIT ?",
        (inbox_id, MOST_LOOKED_AT, *but, KEPT_EXAMPLES // 2, inbox_id, KEPT_EXAMPLES // 2, inbox_id, limit),
    )
    return [row[0] for row in rows]


def add(tx: Transaction, inbox_id: int, message_id: int, words: Sequence[str]) -> None:
    """Put a message into the index; nothing happens where it is there, or gone."""
    if tx.one("SELECT 1 FROM message WHERE id = ? AND inbox_id = ?", (message_id, inbox_id)) is None:
        return
    if (
        tx.execute("INSERT INTO label_example VALUES (?, ?) ON CONFLICT DO NOTHING", (inbox_id, message_id)).rowcount
        <= 0
    ):
        return
    tx.execute("INSERT INTO search_example(rowid, words) VALUES (?, ?)", (message_id, " ".join(words)))
    (count,) = tx.one("SELECT COUNT(*) FROM label_example WHERE inbox_id = ?", (inbox_id,))
    if count > MOST_EXAMPLES:
        _thin(tx, inbox_id, count - KEPT_EXAMPLES)


def nearest(
    snapshot: Snapshot, words: Sequence[str], but: int, limit: int, given: Collection[int] = ()
) -> list[Neighbour]:
    """The messages that share the rarest words with these, by bm25, without the one that is asked about.

    Labels that are `given` are not counted as theirs.
    """
    if not words:
        return []
    expression = " OR ".join(f'"{word}"' for word in words)
    rows = snapshot.all(
        "SELECT s.rowid, s.words FROM search_example s WHERE search_example MATCH ? ORDER BY rank LIMIT ?",
        (expression, limit + 1),
    )
    near = [(message_id, text) for message_id, text in rows if message_id != but][:limit]
    ids = [message_id for message_id, _ in near]
    on, off = _labels(snapshot, ids), _dismissed(snapshot, ids)
    nobody: frozenset[int] = frozenset()
    return [
        Neighbour(
            message_id,
            frozenset(text.split()),
            on.get(message_id, nobody).difference(given),
            off.get(message_id, nobody),
        )
        for message_id, text in near
    ]


def frequencies(snapshot: Snapshot, words: Iterable[str]) -> dict[str, int]:
    """In how many messages of the index words stand."""
    wanted = sorted(set(words))
    found: dict[str, int] = {}
    for start in range(0, len(wanted), _CHUNK):
        group = wanted[start : start + _CHUNK]
        marks = ",".join("?" * len(group))
        found.update(snapshot.all(f"SELECT term, doc FROM search_example_term WHERE term IN ({marks})", group))
    return found


def count(snapshot: Snapshot, inbox_id: int) -> int:
    """How many messages of an inbox are in the index."""
    number: int = snapshot.one("SELECT COUNT(*) FROM label_example WHERE inbox_id = ?", (inbox_id,))[0]
    return number


def usable(snapshot: Snapshot, tenant_id: int, limit: int = MOST_USABLE) -> list[Label]:
    """The labels of a tenant that may be suggested for a message."""
    rows = snapshot.all(
        "SELECT id, tenant_id, atom, display, kind, color, label_group, created_at FROM label WHERE tenant_id = ? "
        "AND kind IN ('message', 'any') ORDER BY atom LIMIT ?",
        (tenant_id, limit),
    )
    found = [Label(row[0], row[1], row[2], row[3], LabelType(row[4]), row[5], row[6], row[7]) for row in rows]
    return [label for label in found if not label.is_system and label.key not in GIVEN_KEYS]


def _labels(snapshot: Snapshot, ids: Sequence[int]) -> dict[int, frozenset[int]]:
    marks = ",".join("?" * len(ids))
    return _grouped(snapshot.all(f"SELECT message_id, label_id FROM message_label WHERE message_id IN ({marks})", ids))


def _dismissed(snapshot: Snapshot, ids: Sequence[int]) -> dict[int, frozenset[int]]:
    marks = ",".join("?" * len(ids))
    return _grouped(
        snapshot.all(
            f"SELECT message_id, label_id FROM label_suggestion WHERE message_id IN ({marks}) AND state = 'dismissed'",
            ids,
        )
    )


def _grouped(rows: Iterable[tuple[int, int]]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = {}
    for message_id, label_id in rows:
        found.setdefault(message_id, set()).add(label_id)
    return {message_id: frozenset(labels) for message_id, labels in found.items()}


def _thin(tx: Transaction, inbox_id: int, count: int) -> None:
    rows = tx.all(
        "SELECT message_id FROM label_example WHERE inbox_id = ? ORDER BY message_id LIMIT ?", (inbox_id, count)
    )
    for (message_id,) in rows:
        tx.execute("DELETE FROM search_example WHERE rowid = ?", (message_id,))
        tx.execute("DELETE FROM label_example WHERE inbox_id = ? AND message_id = ?", (inbox_id, message_id))
