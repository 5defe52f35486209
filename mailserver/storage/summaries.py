"""Summaries of threads, and what they are made from."""

from typing import Any

import orjson

from mailserver.entities.enrichment import ThreadDigest
from mailserver.entities.message import Visibility
from mailserver.mail.summary import ActionItem, Digest
from mailserver.storage.database import Snapshot, Transaction

OPEN, RESOLVED = "open", "resolved"


def get(snapshot: Snapshot, thread_id: int) -> ThreadDigest | None:
    """The summary of a thread as it was kept."""
    row = snapshot.one(
        "SELECT summary, decisions, action_items, status, last_message_id, message_count, updated_at "
        "FROM thread_summary WHERE thread_id = ?",
        (thread_id,),
    )
    return _entity(row) if row else None


def put(tx: Transaction, thread_id: int, inbox_id: int, kept: ThreadDigest) -> None:
    """Keep a summary in the place of the one before; nothing where the thread is gone."""
    if tx.one("SELECT 1 FROM thread WHERE id = ? AND inbox_id = ?", (thread_id, inbox_id)) is None:
        return
    digest = kept.digest
    tx.execute(
        "INSERT INTO thread_summary VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(thread_id) DO UPDATE SET "
        "summary = excluded.summary, decisions = excluded.decisions, action_items = excluded.action_items, "
        "status = excluded.status, last_message_id = excluded.last_message_id, "
        "message_count = excluded.message_count, updated_at = excluded.updated_at",
        (
            thread_id, inbox_id, digest.summary, orjson.dumps(digest.decisions).decode(),
            orjson.dumps([(item.owner, item.action) for item in digest.action_items]).decode(),
            RESOLVED if digest.is_resolved else OPEN, kept.last_message_id, kept.message_count, kept.updated_at,
        ),
    )  # fmt: skip


def state(snapshot: Snapshot, thread_id: int) -> tuple[int, int] | None:
    """The last message of a thread and how many it has: what a summary is held against."""
    row = snapshot.one("SELECT last_message_id, message_count FROM thread WHERE id = ?", (thread_id,))
    return (row[0], row[1]) if row else None


def members(snapshot: Snapshot, thread_id: int, first: int, last: int) -> list[int]:
    """The first and the last messages of a thread that are neither Junk nor Trash, oldest first."""
    shown = int(Visibility.NORMAL)
    oldest = snapshot.all(
        "SELECT id FROM message WHERE thread_id = ? AND visibility = ? ORDER BY received_at, id LIMIT ?",
        (thread_id, shown, first),
    )
    newest = snapshot.all(
        "SELECT id FROM message WHERE thread_id = ? AND visibility = ? ORDER BY received_at DESC, id DESC LIMIT ?",
        (thread_id, shown, last),
    )
    return list(dict.fromkeys([*(row[0] for row in oldest), *(row[0] for row in reversed(newest))]))


def _entity(row: tuple[Any, ...]) -> ThreadDigest:
    items = tuple(ActionItem(owner, action) for owner, action in orjson.loads(row[2]))
    digest = Digest(row[0], tuple(orjson.loads(row[1])), items, row[3] == RESOLVED)
    return ThreadDigest(digest, row[4], row[5], row[6])
