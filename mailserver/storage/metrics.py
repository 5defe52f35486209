"""What happened, as numbers: a row an event, read from indexes alone."""

from collections.abc import Sequence

from mailserver.entities import identifiers
from mailserver.entities.event import EventType
from mailserver.entities.metric import Extent, Metric
from mailserver.storage.database import Snapshot, Transaction

_DOMAINS = (
    "SELECT e.id FROM event e JOIN domain d ON d.name = json_extract(e.body, '$.domain') "
    "WHERE e.tenant_id = ? AND e.type = ? AND d.pod_id = ?"
)


def add(tx: Transaction, metric: Metric) -> None:
    """Count an event."""
    tx.execute(
        "INSERT INTO metric(id, tenant_id, inbox_id, name, at, recipients) VALUES (?, ?, ?, ?, ?, ?)",
        (metric.id, metric.tenant_id, metric.inbox_id, metric.name, metric.at, metric.recipients),
    )


def each(
    snapshot: Snapshot, extent: Extent, name: str, after: int, before: int, limit: int, *, descending: bool
) -> list[tuple[int, int]]:
    """(time, how many events of that millisecond), of one name, in their order."""
    where, values = _where(extent, name)
    return snapshot.all(
        f"SELECT at, COUNT(*) FROM metric WHERE {where} AND name = ? AND at >= ? AND at < ? "
        f"GROUP BY at ORDER BY at {_direction(descending=descending)} LIMIT ?",
        (*values, name, after, before, limit),
    )


def buckets(
    snapshot: Snapshot, extent: Extent, name: str, after: int, before: int, width: int, base: int = 0
) -> list[tuple[int, int, int]]:
    """(beginning of a bucket, events, recipients) of those buckets that have any, oldest first.

    Buckets begin at `base` and at multiples of `width` from there, in both directions.
    """
    where, values = _where(extent, name)
    shift = base % width
    return snapshot.all(
        f"SELECT (at - ?) / ? * ? + ?, COUNT(*), SUM(recipients) FROM metric WHERE {where} AND name = ? "
        "AND at >= ? AND at < ? GROUP BY 1 ORDER BY 1",
        (shift, width, width, shift, *values, name, after, before),
    )


def totals(
    snapshot: Snapshot, extent: Extent, names: Sequence[str], after: int, before: int
) -> dict[str, tuple[int, int]]:
    """(events, recipients) of each name between two times."""
    found = {}
    for name in names:
        where, values = _where(extent, name)
        found[name] = snapshot.one(
            f"SELECT COUNT(*), COALESCE(SUM(recipients), 0) FROM metric WHERE {where} AND name = ? "
            "AND at >= ? AND at < ?",
            (*values, name, after, before),
        )
    return found


def recipients_of(snapshot: Snapshot, message_id: int) -> int:
    """To how many recipients a message goes."""
    count: int = snapshot.one(
        "SELECT COUNT(*) FROM queued q JOIN delivery d ON d.queued_id = q.id WHERE q.message_id = ?", (message_id,)
    )[0]
    return count


def expire(tx: Transaction, before: int, limit: int) -> int:
    """Forget some of what happened before a time; how much."""
    return tx.execute(
        "DELETE FROM metric WHERE id IN (SELECT id FROM metric WHERE id < ? ORDER BY id LIMIT ?)",
        (identifiers.first_at(before), limit),
    ).rowcount


def _where(extent: Extent, name: str) -> tuple[str, tuple[object, ...]]:
    if extent.inbox_id is not None:
        return "inbox_id = ?", (extent.inbox_id,)
    if extent.pod_id is None:
        return "tenant_id = ?", (extent.tenant_id,)
    if name == EventType.DOMAIN_VERIFIED.value:  # of no inbox, and seldom
        return f"tenant_id = ? AND id IN ({_DOMAINS})", (extent.tenant_id, extent.tenant_id, name, extent.pod_id)
    return "inbox_id IN (SELECT i.id FROM inbox i WHERE i.pod_id = ?)", (extent.pod_id,)


def _direction(*, descending: bool) -> str:
    return "DESC" if descending else "ASC"
