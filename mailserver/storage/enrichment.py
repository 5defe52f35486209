"""Switches of enrichment, the keys that belong to them, and the work that waits."""

from collections.abc import Collection

from mailserver.entities.enrichment import Feature, Provider, Switches, Work, WorkKind
from mailserver.storage.database import Snapshot, Transaction

TOPIC = "enrichment"  # rung when switches change
WORK = "enrichment work"
MOST_WAITING = 10_000  # of one inbox: mail that comes faster than it can be looked at is not waited for


def switches(snapshot: Snapshot, inbox_id: int) -> Switches:
    """What an inbox has chosen; everything is off where it never chose."""
    row = snapshot.one(
        "SELECT e.thread_summary, e.label_suggest, e.calendar_suggest, e.provider, e.endpoint, e.model, "
        "EXISTS (SELECT 1 FROM enrichment_key k WHERE k.inbox_id = e.inbox_id) FROM enrichment e WHERE e.inbox_id = ?",
        (inbox_id,),
    )
    if row is None:
        return Switches()
    return Switches(
        frozenset(feature for feature, is_on in zip(_ORDER, row[:3], strict=True) if is_on),
        Provider(row[3]) if row[3] else None, row[4], row[5], bool(row[6]),
    )  # fmt: skip


def features(snapshot: Snapshot) -> dict[int, frozenset[Feature]]:
    """The inboxes that have anything switched on, with what it is."""
    rows = snapshot.all(
        "SELECT inbox_id, thread_summary, label_suggest, calendar_suggest FROM enrichment "
        "WHERE thread_summary + label_suggest + calendar_suggest > 0"
    )
    return {row[0]: frozenset(each for each, is_on in zip(_ORDER, row[1:], strict=True) if is_on) for row in rows}


def is_on(snapshot: Snapshot, inbox_id: int, *wanted: Feature) -> bool:
    """Whether an inbox has one of these switched on."""
    return not switches(snapshot, inbox_id).features.isdisjoint(wanted)


def put(tx: Transaction, tenant_id: int, inbox_id: int, chosen: Switches, now: int) -> None:
    """Write what an inbox has chosen; the key is written by `put_key`."""
    tx.execute(
        "INSERT INTO enrichment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(inbox_id) DO UPDATE SET "
        "thread_summary = excluded.thread_summary, label_suggest = excluded.label_suggest, "
        "calendar_suggest = excluded.calendar_suggest, provider = excluded.provider, endpoint = excluded.endpoint, "
        "model = excluded.model, changed_at = excluded.changed_at",
        (
            inbox_id, tenant_id, *(int(feature in chosen.features) for feature in _ORDER),
            chosen.provider.value if chosen.provider else None, chosen.endpoint, chosen.model, now,
        ),
    )  # fmt: skip
    tx.ring(TOPIC)


def put_key(tx: Transaction, inbox_id: int, api_key: str | None) -> None:
    """Write the key of an inbox's endpoint; None forgets it."""
    tx.execute("DELETE FROM enrichment_key WHERE inbox_id = ?", (inbox_id,))
    if api_key is not None:
        tx.execute("INSERT INTO enrichment_key VALUES (?, ?)", (inbox_id, api_key))


def key(snapshot: Snapshot, inbox_id: int) -> str | None:
    """The key of an inbox's endpoint, for nobody but who asks it."""
    row = snapshot.one("SELECT api_key FROM enrichment_key WHERE inbox_id = ?", (inbox_id,))
    return row[0] if row else None


def open_keys(snapshot: Snapshot, mark: str) -> list[tuple[int, str]]:
    """Keys that do not begin with a mark, each with its inbox."""
    return snapshot.all(
        "SELECT inbox_id, api_key FROM enrichment_key WHERE substr(api_key, 1, ?) <> ?", (len(mark), mark)
    )


# -- work ---------------------------------------------------------------------------------------------------------


def ask(tx: Transaction, kind: WorkKind, object_id: int, inbox_id: int, now: int) -> bool:
    """Ask that a message or thread be looked at, inside the transaction that says so; False where too many wait."""
    row = tx.one("SELECT 1 FROM enrichment_request WHERE inbox_id = ? LIMIT 1 OFFSET ?", (inbox_id, MOST_WAITING - 1))
    if row is not None:
        return False
    tx.execute(
        "INSERT INTO enrichment_request(kind, object_id, inbox_id, asked_at, due_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT(kind, object_id) DO NOTHING",
        (kind.value, object_id, inbox_id, now, now),
    )
    tx.ring(WORK)
    return True


def is_waiting(snapshot: Snapshot, now: int, busy: Collection[int]) -> bool:
    """Whether there is work that is due, of inboxes that none is in hand of."""
    return _next(snapshot, -1, now, busy) is not None


def claim(tx: Transaction, after: int, now: int, until: int, busy: Collection[int]) -> Work | None:
    """Take the oldest work of the next inbox behind another, in turn; it is due again when the time has run out."""
    found = _next(tx, after, now, busy) or _next(tx, -1, now, busy)
    if found is None:
        return None
    tx.execute(
        "UPDATE enrichment_request SET due_at = ?, attempts = attempts + 1 WHERE kind = ? AND object_id = ?",
        (until, found.kind.value, found.object_id),
    )
    return found


def settle(tx: Transaction, work: Work) -> bool:
    """Strike work off; False where it was struck off meanwhile, so that what it found does not count."""
    return (
        tx.execute(
            "DELETE FROM enrichment_request WHERE kind = ? AND object_id = ? AND asked_at = ?",
            (work.kind.value, work.object_id, work.asked_at),
        ).rowcount
        > 0
    )


def _next(snapshot: Snapshot, after: int, now: int, busy: Collection[int]) -> Work | None:
    marks = ",".join("?" * len(busy))
    row = snapshot.one(
        "SELECT kind, object_id, inbox_id, asked_at, attempts FROM enrichment_request "
        f"WHERE inbox_id > ? AND due_at <= ? AND inbox_id NOT IN ({marks}) ORDER BY inbox_id, due_at LIMIT 1",
        (after, now, *busy),
    )
    return Work(WorkKind(row[0]), *row[1:]) if row else None


_ORDER = (Feature.THREAD_SUMMARY, Feature.LABEL_SUGGEST, Feature.CALENDAR_SUGGEST)


# -- what goes with mail ------------------------------------------------------------------------------------------


def forget_message(tx: Transaction, message_id: int) -> None:
    """Drop everything that was found out about a message that is removed."""
    for table in ("label_suggestion", "event_suggestion", "label_example"):
        tx.execute(f"DELETE FROM {table} WHERE message_id = ?", (message_id,))
    tx.execute("DELETE FROM search_example WHERE rowid = ?", (message_id,))
    tx.execute("DELETE FROM enrichment_request WHERE kind = ? AND object_id = ?", (WorkKind.MESSAGE.value, message_id))


def forget_thread(tx: Transaction, thread_id: int) -> None:
    """Drop everything that was found out about a thread that is gone."""
    tx.execute("DELETE FROM thread_summary WHERE thread_id = ?", (thread_id,))
    tx.execute("DELETE FROM enrichment_request WHERE kind = ? AND object_id = ?", (WorkKind.THREAD.value, thread_id))
