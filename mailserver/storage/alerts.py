"""Alert rules, and alerts that wait for their time."""

from typing import Any

import orjson

from mailserver.entities.alert import Alert, AlertDelivery, Due, Offset, OffsetUnit
from mailserver.entities.webhook import Backoff
from mailserver.storage.database import Snapshot, Transaction

MOST = 200  # of one inbox
MOST_WAITING = 10_000  # alerts of one rule that wait for their time
TOPIC = "alerts"  # rung where an alert is to wait
_COLUMNS = (
    "id, tenant_id, inbox_id, events, delivery, target, offset_value, offset_unit, conditions, threshold, enabled, "
    "retries, backoff, endpoint_id, created_at, updated_at"
)
_DUE = "id, alert_id, inbox_id, event_id, subject, type, due_at, payload"


def put(tx: Transaction, alert: Alert) -> None:
    """Insert a rule, or write it in the place of the one that has its id."""
    tx.execute(
        f"INSERT INTO alert({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT(id) DO UPDATE SET events = excluded.events, delivery = excluded.delivery, "
        "target = excluded.target, offset_value = excluded.offset_value, offset_unit = excluded.offset_unit, "
        "conditions = excluded.conditions, threshold = excluded.threshold, enabled = excluded.enabled, "
        "retries = excluded.retries, backoff = excluded.backoff, endpoint_id = excluded.endpoint_id, "
        "updated_at = excluded.updated_at",
        (
            alert.id, alert.tenant_id, alert.inbox_id, orjson.dumps(alert.events).decode(), alert.delivery.value,
            alert.target, alert.offset.value if alert.offset else None,
            alert.offset.unit.value if alert.offset else None, orjson.dumps(alert.filter).decode(), alert.threshold,
            int(alert.is_enabled), alert.retries, alert.backoff.value, alert.endpoint_id, alert.created_at,
            alert.updated_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, alert_id: int) -> Alert | None:
    """A rule by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM alert WHERE id = ?", (alert_id,))
    return _entity(row) if row else None


def of_inbox(snapshot: Snapshot, inbox_id: int) -> list[Alert]:
    """The rules of an inbox, oldest first."""
    rows = snapshot.all(f"SELECT {_COLUMNS} FROM alert WHERE inbox_id = ? ORDER BY id LIMIT ?", (inbox_id, MOST))
    return [_entity(row) for row in rows]


def enabled(snapshot: Snapshot, tenant_id: int) -> list[Alert]:
    """The rules of a tenant that are switched on."""
    rows = snapshot.all(f"SELECT {_COLUMNS} FROM alert WHERE tenant_id = ? AND enabled = 1 ORDER BY id", (tenant_id,))
    return [_entity(row) for row in rows]


def count(snapshot: Snapshot, inbox_id: int) -> int:
    """How many rules an inbox has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM alert WHERE inbox_id = ?", (inbox_id,))[0]
    return number


def remove(tx: Transaction, alert_id: int) -> None:
    """Delete a rule and what waits for it."""
    forget_waiting(tx, alert_id)
    tx.execute("DELETE FROM alert WHERE id = ?", (alert_id,))


# -- alerts that wait ---------------------------------------------------------------------------------------------


def wait(tx: Transaction, due: Due) -> bool:
    """Let an alert wait; False where too many of its rule do."""
    (waiting,) = tx.one("SELECT COUNT(*) FROM alert_due WHERE alert_id = ?", (due.alert_id,))
    if waiting >= MOST_WAITING:
        return False
    tx.execute(
        f"INSERT INTO alert_due({_DUE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (due.id, due.alert_id, due.inbox_id, due.event_id, due.subject, due.type, due.due_at, due.payload),
    )
    tx.ring(TOPIC)
    return True


def forget_waiting(tx: Transaction, alert_id: int, subject: str | None = None) -> int:
    """Let no alert of a rule wait any more, or none that is about something; how many did."""
    if subject is None:
        return tx.execute("DELETE FROM alert_due WHERE alert_id = ?", (alert_id,)).rowcount
    return tx.execute("DELETE FROM alert_due WHERE alert_id = ? AND subject = ?", (alert_id, subject)).rowcount


def next_due_at(snapshot: Snapshot) -> int | None:
    """When the next alert is due."""
    row = snapshot.one("SELECT due_at FROM alert_due ORDER BY due_at, id LIMIT 1")
    return row[0] if row else None


def take_due(tx: Transaction, now: int, limit: int) -> list[Due]:
    """Alerts whose time has come, which wait no more."""
    rows = tx.all(f"SELECT {_DUE} FROM alert_due WHERE due_at <= ? ORDER BY due_at, id LIMIT ?", (now, limit))
    for row in rows:
        tx.execute("DELETE FROM alert_due WHERE id = ?", (row[0],))
    return [Due(*row) for row in rows]


def _entity(row: tuple[Any, ...]) -> Alert:
    offset = Offset(row[6], OffsetUnit(row[7])) if row[6] is not None else None
    return Alert(
        row[0], row[1], row[2], tuple(orjson.loads(row[3])), AlertDelivery(row[4]), row[5], offset,
        orjson.loads(row[8]), row[9], bool(row[10]), row[11], Backoff(row[12]), row[13], row[14], row[15],
    )  # fmt: skip
