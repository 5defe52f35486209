"""How much there was of everything at what time: a row whenever somebody looked and it was not as before."""

from mailserver.entities.metric import Extent, UsageLevel
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = "at, storage_bytes, message_count, thread_count, inbox_count, pod_count, domain_count"
_OF = "tenant_id = ? AND pod_id = ? AND inbox_id = ?"


def now(snapshot: Snapshot, extent: Extent, at: int, known: UsageLevel | None = None) -> UsageLevel:
    """How much there is. Threads are counted only where something differs from a level that is known."""
    where, values = _where(extent)
    inboxes, stored, messages = snapshot.one(
        f"SELECT COUNT(*), COALESCE(SUM(used_bytes), 0), COALESCE(SUM(message_count), 0) FROM inbox i WHERE {where}",
        values,
    )
    pods, domains = (0, 0) if extent.inbox_id is not None else _pods_and_domains(snapshot, extent)
    if known is not None:
        level = UsageLevel(known.at, stored, messages, known.thread_count, inboxes, pods, domains)
        if level == known:
            return known
    return UsageLevel(at, stored, messages, _threads(snapshot, extent), inboxes, pods, domains)


def last(snapshot: Snapshot, extent: Extent, before: int) -> UsageLevel | None:
    """The level that held at a time; None where nobody had looked yet."""
    row = snapshot.one(
        f"SELECT {_COLUMNS} FROM usage_level WHERE {_OF} AND at <= ? ORDER BY at DESC LIMIT 1", (*_key(extent), before)
    )
    return UsageLevel(*row) if row else None


def between(snapshot: Snapshot, extent: Extent, after: int, before: int) -> list[UsageLevel]:
    """The levels that began between two times, oldest first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM usage_level WHERE {_OF} AND at > ? AND at <= ? ORDER BY at",
        (*_key(extent), after, before),
    )
    return [UsageLevel(*row) for row in rows]


def add(tx: Transaction, extent: Extent, level: UsageLevel) -> None:
    """Write a level down."""
    tx.execute(
        f"INSERT OR REPLACE INTO usage_level(tenant_id, pod_id, inbox_id, {_COLUMNS}) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *_key(extent), level.at, level.storage_bytes, level.message_count, level.thread_count, level.inbox_count,
            level.pod_count, level.domain_count,
        ),
    )  # fmt: skip


def inboxes(snapshot: Snapshot, behind: int, limit: int) -> list[Extent]:
    """Inboxes in the order of their ids."""
    rows = snapshot.all(
        "SELECT tenant_id, id FROM inbox WHERE id > ? AND status != 'deleted' ORDER BY id LIMIT ?", (behind, limit)
    )
    return [Extent(row[0], None, row[1]) for row in rows]


def pods(snapshot: Snapshot, behind: int, limit: int) -> list[Extent]:
    """Pods in the order of their ids."""
    rows = snapshot.all("SELECT tenant_id, id FROM pod WHERE id > ? ORDER BY id LIMIT ?", (behind, limit))
    return [Extent(row[0], row[1]) for row in rows]


def tenants(snapshot: Snapshot, behind: int, limit: int) -> list[Extent]:
    """Tenants in the order of their ids."""
    return [
        Extent(row[0])
        for row in snapshot.all("SELECT id FROM tenant WHERE id > ? ORDER BY id LIMIT ?", (behind, limit))
    ]


def expire(tx: Transaction, before: int, limit: int) -> int:
    """Forget some levels that held no more at a time; how many."""
    return tx.execute(
        "DELETE FROM usage_level WHERE (tenant_id, pod_id, inbox_id, at) IN ("
        "SELECT u.tenant_id, u.pod_id, u.inbox_id, u.at FROM usage_level u WHERE u.at < ? AND EXISTS ("
        "SELECT 1 FROM usage_level n WHERE n.tenant_id = u.tenant_id AND n.pod_id = u.pod_id "
        "AND n.inbox_id = u.inbox_id AND n.at > u.at AND n.at <= ?) ORDER BY u.at LIMIT ?)",
        (before, before, limit),
    ).rowcount


def _key(extent: Extent) -> tuple[int, int, int]:
    return extent.tenant_id, extent.pod_id or 0, extent.inbox_id or 0


def _where(extent: Extent) -> tuple[str, tuple[int, ...]]:
    if extent.inbox_id is not None:
        return "i.id = ?", (extent.inbox_id,)
    if extent.pod_id is not None:
        return "i.pod_id = ? AND i.status != 'deleted'", (extent.pod_id,)
    return "i.tenant_id = ? AND i.status != 'deleted'", (extent.tenant_id,)


def _threads(snapshot: Snapshot, extent: Extent) -> int:
    if extent.inbox_id is not None:
        row = snapshot.one("SELECT COUNT(*) FROM thread WHERE inbox_id = ?", (extent.inbox_id,))
    elif extent.pod_id is not None:
        row = snapshot.one(
            "SELECT COUNT(*) FROM thread WHERE inbox_id IN (SELECT i.id FROM inbox i WHERE i.pod_id = ?)",
            (extent.pod_id,),
        )
    else:
        row = snapshot.one("SELECT COUNT(*) FROM thread WHERE tenant_id = ?", (extent.tenant_id,))
    count: int = row[0]
    return count


def _pods_and_domains(snapshot: Snapshot, extent: Extent) -> tuple[int, int]:
    if extent.pod_id is not None:
        return 0, snapshot.one("SELECT COUNT(*) FROM domain WHERE pod_id = ?", (extent.pod_id,))[0]
    pods = snapshot.one("SELECT COUNT(*) FROM pod WHERE tenant_id = ?", (extent.tenant_id,))[0]
    return pods, snapshot.one("SELECT COUNT(*) FROM domain WHERE tenant_id = ?", (extent.tenant_id,))[0]
