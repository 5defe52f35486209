"""Distribution lists of a tenant, and who is on them."""

from typing import Any

from mailserver.entities.distribution import DistributionList, ListMember
from mailserver.storage.database import Snapshot, Transaction

MOST = 1000  # of one tenant
MOST_MEMBERS = 1000  # of one list
_COLUMNS = "id, tenant_id, address, name, created_by, created_at"


def add(tx: Transaction, one: DistributionList) -> None:
    """Insert a list that nobody is on."""
    tx.execute(
        f"INSERT INTO distribution_list({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        (one.id, one.tenant_id, one.address, one.name, one.created_by, one.created_at),
    )


def get(snapshot: Snapshot, list_id: int) -> DistributionList | None:
    """A list by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM distribution_list WHERE id = ?", (list_id,))
    return DistributionList(*row) if row else None


def by_address(snapshot: Snapshot, address: str) -> DistributionList | None:
    """A list by its address in normal form."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM distribution_list WHERE address = ?", (address,))
    return DistributionList(*row) if row else None


def of_tenant(snapshot: Snapshot, tenant_id: int) -> list[DistributionList]:
    """The lists of a tenant, oldest first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM distribution_list WHERE tenant_id = ? ORDER BY id LIMIT ?", (tenant_id, MOST)
    )
    return [DistributionList(*row) for row in rows]


def count(snapshot: Snapshot, tenant_id: int) -> int:
    """How many lists a tenant has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM distribution_list WHERE tenant_id = ?", (tenant_id,))[0]
    return number


def rename(tx: Transaction, list_id: int, name: str) -> None:
    """Call a list something else."""
    tx.execute("UPDATE distribution_list SET name = ? WHERE id = ?", (name, list_id))


def remove(tx: Transaction, list_id: int) -> None:
    """Delete a list; its address leads nowhere then."""
    tx.execute("DELETE FROM list_member WHERE list_id = ?", (list_id,))
    tx.execute("DELETE FROM distribution_list WHERE id = ?", (list_id,))


def members(snapshot: Snapshot, list_id: int) -> list[ListMember]:
    """Who is on a list, in the order in which they were added."""
    rows = snapshot.all(
        "SELECT m.id, m.inbox_id, i.address, m.created_at FROM list_member m JOIN inbox i ON i.id = m.inbox_id "
        "WHERE m.list_id = ? ORDER BY m.id LIMIT ?",
        (list_id, MOST_MEMBERS),
    )
    return [_member(row) for row in rows]


def member(snapshot: Snapshot, list_id: int, inbox_id: int) -> ListMember | None:
    """An inbox on a list."""
    row = snapshot.one(
        "SELECT m.id, m.inbox_id, i.address, m.created_at FROM list_member m JOIN inbox i ON i.id = m.inbox_id "
        "WHERE m.list_id = ? AND m.inbox_id = ?",
        (list_id, inbox_id),
    )
    return _member(row) if row else None


def add_member(tx: Transaction, list_id: int, inbox_id: int, member_id: int, now: int) -> None:
    """Put an inbox on a list."""
    tx.execute(
        "INSERT INTO list_member(list_id, inbox_id, id, created_at) VALUES (?, ?, ?, ?)",
        (list_id, inbox_id, member_id, now),
    )


def remove_member(tx: Transaction, list_id: int, inbox_id: int) -> None:
    """Take an inbox off a list."""
    tx.execute("DELETE FROM list_member WHERE list_id = ? AND inbox_id = ?", (list_id, inbox_id))


def _member(row: tuple[Any, ...]) -> ListMember:
    return ListMember(row[0], row[1], row[2], row[3])
