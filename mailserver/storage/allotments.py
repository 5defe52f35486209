"""What inboxes and tenants may hold, what they do hold, and what of Trash and Junk has been there long enough."""

from collections.abc import Sequence

from mailserver.entities.folder import Role
from mailserver.entities.quota import Allotment, Holding, Wishes
from mailserver.storage.database import Snapshot, Transaction

DAY_MS = 86_400_000
_DAYS = {Role.TRASH: "trash_days", Role.JUNK: "junk_days"}


def of_inboxes(snapshot: Snapshot, inbox_ids: Sequence[int], default: Allotment) -> dict[int, Holding]:
    """What inboxes hold of what each of them may."""
    marks = ",".join("?" * len(inbox_ids))
    rows = snapshot.all(
        "SELECT i.id, i.used_bytes, i.message_count, a.most_bytes, a.most_messages FROM inbox i "
        f"LEFT JOIN inbox_allotment a ON a.inbox_id = i.id WHERE i.id IN ({marks})",
        inbox_ids,
    )
    return {
        row[0]: Holding(
            row[1], row[2],
            Allotment(
                default.most_bytes if row[3] is None else row[3], default.most_messages if row[4] is None else row[4]
            ),
        )
        for row in rows
    }  # fmt: skip


def of_tenant(snapshot: Snapshot, tenant_id: int) -> Holding | None:
    """What all inboxes of a tenant hold of what they may together; None where there is no limit."""
    row = snapshot.one("SELECT most_bytes, most_messages FROM tenant_allotment WHERE tenant_id = ?", (tenant_id,))
    return Holding(*total(snapshot, tenant_id), Allotment(row[0] or 0, row[1] or 0)) if row else None


def total(snapshot: Snapshot, tenant_id: int) -> tuple[int, int]:
    """The octets and messages of all inboxes of a tenant."""
    row = snapshot.one("SELECT SUM(used_bytes), SUM(message_count) FROM inbox WHERE tenant_id = ?", (tenant_id,))
    return row[0] or 0, row[1] or 0


def full(snapshot: Snapshot, inboxes: Sequence[tuple[int, int]], default: Allotment) -> frozenset[int]:
    """Those of some inboxes, given as (id, tenant id), that take nothing more: by themselves, or with their tenant."""
    if not inboxes:
        return frozenset()
    held = of_inboxes(snapshot, [inbox_id for inbox_id, _ in inboxes], default)
    filled = {
        tenant_id for tenant_id in {tenant_id for _, tenant_id in inboxes}
        if (whole := of_tenant(snapshot, tenant_id)) is not None and whole.is_full
    }  # fmt: skip
    return frozenset(
        inbox_id for inbox_id, tenant_id in inboxes
        if tenant_id in filled or (inbox_id in held and held[inbox_id].is_full)
    )  # fmt: skip


def wishes(snapshot: Snapshot, inbox_id: int) -> Wishes:
    """What is set for an inbox."""
    row = snapshot.one(
        "SELECT most_bytes, most_messages, trash_days, junk_days FROM inbox_allotment WHERE inbox_id = ?", (inbox_id,)
    )
    return Wishes(*row) if row else Wishes()


def set_inbox(tx: Transaction, inbox_id: int, chosen: Wishes, now: int) -> None:
    """Write what is set for an inbox."""
    tx.execute("DELETE FROM inbox_allotment WHERE inbox_id = ?", (inbox_id,))
    if chosen.is_any:
        tx.execute(
            "INSERT INTO inbox_allotment VALUES (?, ?, ?, ?, ?, ?)",
            (inbox_id, chosen.most_bytes, chosen.most_messages, chosen.trash_days, chosen.junk_days, now),
        )


def set_tenant(tx: Transaction, tenant_id: int, allotment: Allotment, now: int) -> None:
    """Write what all inboxes of a tenant may hold together."""
    tx.execute("DELETE FROM tenant_allotment WHERE tenant_id = ?", (tenant_id,))
    if allotment.is_any:
        tx.execute(
            "INSERT INTO tenant_allotment VALUES (?, ?, ?, ?)",
            (tenant_id, allotment.most_bytes, allotment.most_messages, now),
        )


def passed(snapshot: Snapshot, role: Role, days: int, now: int, limit: int) -> list[tuple[int, int]]:
    """Some messages, as (id, folder id), that lie in Trash or Junk and that nobody has touched for longer than is kept.

    `days` is the default, 0 for ever; what is set for an inbox goes before it.
    """
    chosen = f"COALESCE(a.{_DAYS[role]}, ?)"
    return snapshot.all(
        "SELECT p.message_id, p.folder_id FROM folder f CROSS JOIN placement p ON p.folder_id = f.id "
        "CROSS JOIN message m ON m.id = p.message_id LEFT JOIN inbox_allotment a ON a.inbox_id = f.inbox_id "
        f"WHERE f.role = ? AND f.role IN ('trash', 'junk') AND {chosen} > 0 "
        f"AND p.received_at < ? - {chosen} * {DAY_MS} AND m.updated_at < ? - {chosen} * {DAY_MS} LIMIT ?",
        (role.value, days, now, days, now, days, limit),
    )
