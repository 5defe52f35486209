"""Who wants no more broadcasts of a label from an inbox.

The label is named by its key: one that is deleted and made again finds everybody who had left.
"""

from collections.abc import Sequence

from mailserver.storage.database import Snapshot, Transaction


def add(
    tx: Transaction,
    number: int,
    tenant_id: int,
    inbox_id: int,
    label_key: str,
    address: str,
    broadcast_id: int,
    at: int,
) -> bool:
    """Remember that an address, in normal form, has left; False where it had before."""
    cursor = tx.execute(
        "INSERT INTO opt_out(id, tenant_id, inbox_id, label_key, address, broadcast_id, opted_out_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(inbox_id, label_key, address) DO NOTHING",
        (number, tenant_id, inbox_id, label_key, address, broadcast_id, at),
    )
    return cursor.rowcount > 0


def find(snapshot: Snapshot, inbox_id: int, label_key: str, addresses: Sequence[str]) -> set[str]:
    """Those addresses, in normal form, that have left."""
    marks = ", ".join("?" * len(addresses))
    sql = f"SELECT address FROM opt_out WHERE inbox_id = ? AND label_key = ? AND address IN ({marks})"
    return {row[0] for row in snapshot.all(sql, (inbox_id, label_key, *addresses))}
