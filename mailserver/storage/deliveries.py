"""Queue rows: add, read, finish, and what the operator does to them."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from mailserver.entities.delivery import Attempt, Delivery, Job, QueuedMessage, State
from mailserver.mail import threading
from mailserver.storage.database import Snapshot, Transaction

_MESSAGE = tuple(field.name for field in fields(QueuedMessage))  # the columns are named as the fields are
_DELIVERY = tuple(field.name for field in fields(Delivery))
_DELIVERY_COLUMNS = ", ".join(f"d.{name}" for name in _DELIVERY)
_MESSAGE_COLUMNS = ", ".join(f"q.{name}" for name in _MESSAGE)
_JOINED = f"SELECT {_DELIVERY_COLUMNS}, {_MESSAGE_COLUMNS} FROM delivery d JOIN queued q ON q.id = d.queued_id"
_CHUNK = 500  # ids of one IN list
_UNNEEDED = (
    "INSERT INTO removed_file SELECT location, ? FROM queued "
    "WHERE id = ? AND open_deliveries = 0 AND message_id IS NULL ON CONFLICT DO NOTHING"
)
_OPEN = "('queued', 'held')"
LARGEST_PAGE = 1000


def add(tx: Transaction, message: QueuedMessage, deliveries: Sequence[Delivery]) -> None:
    """Queue a message for its recipients."""
    waiting = sum(delivery.state in (State.QUEUED, State.HELD) for delivery in deliveries)
    tx.execute(
        f"INSERT INTO queued({', '.join(_MESSAGE)}, open_deliveries, header_hash) VALUES ({_marks(len(_MESSAGE) + 2)})",
        (*_row(_MESSAGE, message), waiting, threading.header_hash(message.header_id) if message.header_id else None),
    )
    tx.executemany(
        f"INSERT INTO delivery({', '.join(_DELIVERY)}) VALUES ({_marks(len(_DELIVERY))})",
        [_row(_DELIVERY, delivery) for delivery in deliveries],
    )
    if not waiting:
        tx.execute(_UNNEEDED, (message.created_at, message.id))


def is_queued(snapshot: Snapshot, queued_id: int) -> bool:
    """Whether a message has its rows already."""
    return snapshot.one("SELECT 1 FROM queued WHERE id = ?", (queued_id,)) is not None


def get(snapshot: Snapshot, delivery_id: int) -> Job | None:
    """A delivery with its message."""
    return next(iter(jobs(snapshot, [delivery_id])), None)


def jobs(snapshot: Snapshot, delivery_ids: Iterable[int]) -> list[Job]:
    """Deliveries grouped by message and destination, in the order in which they were queued."""
    found: dict[tuple[int, str], tuple[QueuedMessage, list[Delivery]]] = {}
    for some in _chunks(list(delivery_ids)):
        sql = f"{_JOINED} WHERE d.id IN ({_marks(len(some))}) ORDER BY d.queued_id, d.id"
        for row in snapshot.all(sql, some):
            delivery = _delivery(row)
            key = (delivery.queued_id, delivery.domain)
            if key not in found:
                found[key] = (_message(row[len(_DELIVERY) :]), [])
            found[key][1].append(delivery)
    return [Job(message, tuple(deliveries)) for message, deliveries in found.values()]


def of_queued(snapshot: Snapshot, queued_id: int) -> list[Delivery]:
    """Every recipient of one queued message."""
    sql = f"SELECT {_DELIVERY_COLUMNS} FROM delivery d WHERE d.queued_id = ? ORDER BY d.id"
    return [_delivery(row) for row in snapshot.all(sql, [queued_id])]


def of_message(snapshot: Snapshot, message_id: int) -> list[Delivery]:
    """Every recipient of a stored sent message."""
    sql = (
        f"SELECT {_DELIVERY_COLUMNS} FROM queued q JOIN delivery d ON d.queued_id = q.id "
        "WHERE q.message_id = ? ORDER BY d.id"
    )
    return [_delivery(row) for row in snapshot.all(sql, [message_id])]


def by_header_id(snapshot: Snapshot, header_id: str, limit: int) -> list[Job]:
    """What was sent under a Message-ID, newest last."""
    sql = (
        "SELECT d.id FROM delivery d WHERE d.queued_id IN "
        "(SELECT q.id FROM queued q WHERE q.header_hash = ? AND q.header_id = ? ORDER BY q.id DESC LIMIT ?) "
        "ORDER BY d.id LIMIT ?"
    )
    values = [threading.header_hash(header_id), header_id, limit, limit]
    return jobs(snapshot, [row[0] for row in snapshot.all(sql, values)])


def page(
    snapshot: Snapshot,
    states: Sequence[State],
    domain: str | None = None,
    after_id: int = 0,
    limit: int = 100,
) -> list[Job]:
    """Deliveries in some states, oldest first, one job each, for the operator's list."""
    chosen = [state.value for state in states]
    where, values = f"d.state IN ({_marks(len(chosen))}) AND d.id > ?", [*chosen, after_id]
    if domain is not None:
        where, values = f"{where} AND d.domain = ?", [*values, domain]
    sql = f"{_JOINED} WHERE {where} ORDER BY d.id LIMIT ?"
    rows = snapshot.all(sql, [*values, min(limit, LARGEST_PAGE)])
    return [Job(_message(row[len(_DELIVERY) :]), (_delivery(row),)) for row in rows]


def attempts(snapshot: Snapshot, delivery_id: int) -> list[Attempt]:
    """What was tried so far, oldest first."""
    sql = (
        "SELECT delivery_id, started_at, finished_at, host, reply, tls, result FROM attempt "
        "WHERE delivery_id = ? ORDER BY id"
    )
    return [Attempt(*row) for row in snapshot.all(sql, [delivery_id])]


def counts(snapshot: Snapshot) -> dict[State, int]:
    """How many deliveries are in each open state."""
    rows = snapshot.all(f"SELECT state, COUNT(*) FROM delivery WHERE state IN {_OPEN} GROUP BY state")
    return {State.QUEUED: 0, State.HELD: 0} | {State(state): number for state, number in rows}


def oldest_at(snapshot: Snapshot) -> int | None:
    """When the oldest delivery that still waits was queued."""
    row = snapshot.one(f"SELECT MIN(created_at) FROM delivery WHERE state IN {_OPEN}")
    return None if row is None else row[0]


def states(snapshot: Snapshot, delivery_ids: Sequence[int]) -> dict[int, State]:
    """The present state of each."""
    found: dict[int, State] = {}
    for some in _chunks(delivery_ids):
        sql = f"SELECT id, state FROM delivery WHERE id IN ({_marks(len(some))})"
        found.update((number, State(state)) for number, state in snapshot.all(sql, some))
    return found


def finish(tx: Transaction, rows: Sequence[tuple[State, int, str, str, str, int]]) -> None:
    """Close deliveries: (state, finished_at, last_reply, last_host, tls, id) each."""
    tx.executemany(
        "UPDATE delivery SET state = ?, finished_at = ?, last_reply = ?, last_host = ?, tls = ?, "
        "lease_owner = NULL, lease_until = 0 WHERE id = ?",
        [(state.value, *rest) for state, *rest in rows],
    )


def close_in_queued(tx: Transaction, queued_ids: Sequence[int], at: int) -> None:
    """Count one delivery less that is open, for each time that a queued message is named.

    A file that nobody keeps a copy of may go once nothing waits for it.
    """
    tx.executemany(
        "UPDATE queued SET open_deliveries = open_deliveries - 1 WHERE id = ?",
        [(queued_id,) for queued_id in queued_ids],
    )
    tx.executemany(_UNNEEDED, [(at, queued_id) for queued_id in set(queued_ids)])


def trim(tx: Transaction, before: int, limit: int) -> int:
    """Delete messages with nothing open that were queued before a time, with their deliveries; how many."""
    ids = [
        row[0]
        for row in tx.all(
            "SELECT id FROM queued WHERE created_at < ? AND open_deliveries <= 0 ORDER BY id LIMIT ?", [before, limit]
        )
    ]
    marks = _marks(len(ids))
    if ids:
        tx.execute(
            "DELETE FROM attempt WHERE delivery_id IN "
            f"(SELECT id FROM delivery WHERE queued_id IN ({marks}))", ids
        )  # fmt: skip
        tx.execute(f"DELETE FROM delivery WHERE queued_id IN ({marks})", ids)
        tx.execute(f"DELETE FROM queued WHERE id IN ({marks})", ids)
    return len(ids)


def defer(tx: Transaction, rows: Sequence[tuple[int, str, str, str, int]]) -> None:
    """Wait: (next_attempt_at, last_reply, last_host, tls, id) each. A held delivery stays held."""
    tx.executemany(
        "UPDATE delivery SET next_attempt_at = ?, last_reply = ?, last_host = ?, tls = ?, "
        "lease_owner = NULL, lease_until = 0 WHERE id = ?",
        rows,
    )


def add_attempts(tx: Transaction, rows: Iterable[tuple[int, Attempt]]) -> None:
    """Keep what was tried: an id and the attempt, each."""
    tx.executemany(
        "INSERT INTO attempt(id, delivery_id, started_at, finished_at, host, reply, tls, result) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (number, one.delivery_id, one.started_at, one.finished_at, one.host, one.reply, one.tls, one.result)
            for number, one in rows
        ],
    )


def note_reply(tx: Transaction, delivery_id: int, reply: str) -> None:
    """Keep what was last heard about a delivery, whatever its state."""
    tx.execute("UPDATE delivery SET last_reply = ? WHERE id = ?", [reply, delivery_id])


def mark_delay_notified(tx: Transaction, delivery_ids: Sequence[int]) -> None:
    """Remember that the sender knows of the delay."""
    tx.executemany("UPDATE delivery SET delay_notified = 1 WHERE id = ?", [(number,) for number in delivery_ids])


def mark_by_notified(tx: Transaction, delivery_ids: Sequence[int]) -> None:
    """Remember that the sender knows that the time by which the message was wanted has passed."""
    tx.executemany("UPDATE delivery SET by_notified = 1 WHERE id = ?", [(number,) for number in delivery_ids])


def sent_since(snapshot: Snapshot, inbox_id: int, since: int, slot_ms: int) -> list[tuple[int, int, int]]:
    """What an inbox's own users have sent since a time: number of the time slot, messages, recipients."""
    rows = snapshot.all(
        "SELECT q.created_at / ?, COUNT(*), SUM((SELECT COUNT(*) FROM delivery d WHERE d.queued_id = q.id)) "
        "FROM queued q WHERE q.inbox_id = ? AND q.created_at >= ? AND "
        "q.source IN ('api', 'submission', 'broadcast') GROUP BY 1",
        [slot_ms, inbox_id, since],
    )
    return [(slot, messages, recipients) for slot, messages, recipients in rows]


def move(
    tx: Transaction, delivery_ids: Sequence[int], origins: Sequence[State], state: State, due_at: int
) -> list[int]:
    """Put deliveries that are in one of the origins into an open state, due at a time; the ids that moved.

    What a worker holds is not due before its lease ends, so that nobody sends it a second time meanwhile.
    """
    moved: list[int] = []
    values = [origin.value for origin in origins]
    for some in _chunks(delivery_ids):
        sql = (
            "UPDATE delivery SET state = ?, next_attempt_at = CASE WHEN lease_until > ? THEN lease_until ELSE ? END "
            f"WHERE id IN ({_marks(len(some))}) AND state IN ({_marks(len(values))}) RETURNING id"
        )
        moved.extend(row[0] for row in tx.all(sql, [state.value, due_at, due_at, *some, *values]))
    return moved


def _marks(number: int) -> str:
    return ", ".join("?" * number)


def _chunks(values: Sequence[int]) -> Iterable[Sequence[int]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


def _message(row: Sequence[Any]) -> QueuedMessage:
    values: dict[str, Any] = dict(zip(_MESSAGE, row, strict=True))
    for name in ("eight_bit", "smtputf8", "require_tls"):
        values[name] = bool(values[name])
    return QueuedMessage(**values)


def _delivery(row: Sequence[Any]) -> Delivery:
    values: dict[str, Any] = dict(zip(_DELIVERY, row, strict=False))  # the message's columns may follow
    values["state"] = State(values["state"])
    for name in ("delay_notified", "by_notified"):
        values[name] = bool(values[name])
    return Delivery(**values)


def _row(names: Sequence[str], entity: object) -> tuple[Any, ...]:
    values = (getattr(entity, name) for name in names)
    return tuple(
        value.value if isinstance(value, State) else int(value) if isinstance(value, bool) else value
        for value in values
    )
