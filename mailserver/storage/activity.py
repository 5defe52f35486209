"""Timelines of addresses."""

from collections.abc import Sequence
from typing import Any

import orjson

from mailserver.entities.activity import Activity, ActivityType, NewActivity
from mailserver.entities.message import Flag
from mailserver.storage import ranges
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = (
    "a.occurred_at AS at, a.id AS id, a.inbox_id, a.address, a.type, a.resource_id, a.summary, a.participants, "
    "a.metadata, m.flags"
)


def add(tx: Transaction, activity_id: int, tenant_id: int, inbox_id: int, new: NewActivity) -> bool:
    """Insert an entry; False where there is one of its key."""
    cursor = tx.execute(
        "INSERT INTO activity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT(inbox_id, address, type, resource_id) DO NOTHING",
        (
            activity_id, tenant_id, inbox_id, new.address, new.type.value, new.resource_id, new.message_id,
            new.occurred_at, new.summary, orjson.dumps(new.participants).decode(), orjson.dumps(new.metadata).decode(),
        ),
    )  # fmt: skip
    return cursor.rowcount > 0


def page(
    snapshot: Snapshot,
    inbox_id: int,
    addresses: Sequence[str],
    since: int | None,
    cursor: tuple[int, int] | None,
    limit: int,
) -> list[Activity]:
    """What happened with addresses, newest first, from behind a cursor (occurred_at, id)."""
    conditions, values = ["a.inbox_id = ?", "a.address = ?"], []
    if since is not None:
        conditions.append("a.occurred_at >= ?")
        values.append(since)
    if cursor is not None:
        conditions.append("(a.occurred_at, a.id) < (?, ?)")
        values += cursor
    part = (
        f"SELECT {_COLUMNS} FROM activity a LEFT JOIN message m ON m.id = a.message_id "
        f"WHERE {' AND '.join(conditions)} ORDER BY a.occurred_at DESC, a.id DESC LIMIT ?"
    )
    groups = [[inbox_id, address, *values] for address in addresses]
    if not groups:
        return []
    rows = snapshot.all(ranges.merged([part] * len(groups), "DESC"), ranges.values(groups, limit, 0))
    return [_entity(row) for row in rows]


def about(snapshot: Snapshot, inbox_id: int, address: str, limit: int) -> list[tuple[int, list[list[str | None]]]]:
    """When, and with whom else, the newest messages with an address were: (occurred_at, people)."""
    rows = snapshot.all(
        "SELECT occurred_at, participants, type FROM activity WHERE inbox_id = ? AND address = ? "
        "ORDER BY occurred_at DESC, id DESC LIMIT ?",
        (inbox_id, address, limit),
    )
    kinds = (ActivityType.MESSAGE_SENT.value, ActivityType.MESSAGE_RECEIVED.value)
    return [(at, orjson.loads(people)) for at, people, kind in rows if kind in kinds]


def forget_message(tx: Transaction, message_id: int) -> None:
    """Delete what is told of a message that is removed."""
    tx.execute("DELETE FROM activity WHERE message_id = ?", (message_id,))


def expire(tx: Transaction, before: int, limit: int) -> int:
    """Delete entries that are older than a time; how many."""
    return tx.execute(
        "DELETE FROM activity WHERE id IN (SELECT id FROM activity WHERE occurred_at < ? LIMIT ?)", (before, limit)
    ).rowcount


def _entity(row: tuple[Any, ...]) -> Activity:
    at, identity, inbox_id, address, kind, resource_id, summary, participants, metadata, flags = row
    return Activity(
        identity, inbox_id, address, ActivityType(kind), resource_id, at, summary,
        tuple((each[0], each[1]) for each in orjson.loads(participants)), orjson.loads(metadata),
        bool(flags & Flag.SEEN) if flags is not None else None,
    )  # fmt: skip
