"""How far a node's journal has come into the tables."""

from mailserver.storage.database import Snapshot, Transaction


def set_applied(tx: Transaction, node: int, sequence: int) -> None:
    """Every journal record of this node up to here has its rows."""
    tx.execute(
        "INSERT INTO applied(node, sequence) VALUES (?, ?) "
        "ON CONFLICT(node) DO UPDATE SET sequence = excluded.sequence",
        (node, sequence),
    )


def applied(snapshot: Snapshot, node: int) -> int:
    """The last journal record of this node whose rows are in; 0 for none."""
    row = snapshot.one("SELECT sequence FROM applied WHERE node = ?", (node,))
    return row[0] if row else 0


def largest_id(snapshot: Snapshot) -> int:
    """The largest id in any table that ids are handed out for, so that no clock can repeat one."""
    tables = (
        "message",
        "event",
        "queued",
        "delivery",
        "attempt",
        "inbox",
        "folder",
        "label",
        "token",
        "password",
        "broadcast_recipient",
        "sieve_script",
        "auto_letter",
    )
    return max(int(snapshot.one(f"SELECT COALESCE(MAX(id), 0) FROM {table}")[0]) for table in tables)
