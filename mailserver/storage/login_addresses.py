"""Where logins have gone well: addresses from which an inbox's owner cannot be locked out by strangers."""

from mailserver.storage.database import Snapshot, Transaction

KEPT_MS = 30 * 86_400_000
REFRESH_MS = 86_400_000  # the last login from an address is written down once a day
MOST = 200  # of one inbox; those used longest ago are forgotten
MOST_OF_NETWORK = 1_000
SWEPT_AT_ONCE = 1_000


def used_at(snapshot: Snapshot, inbox_id: int, address: str, now: int) -> int | None:
    """When an inbox's owner last came from an address, as far as that was written down."""
    row = snapshot.one("SELECT used_at FROM login_address WHERE inbox_id = ? AND address = ?", (inbox_id, address))
    return row[0] if row is not None and row[0] > now - KEPT_MS else None


def of_network(snapshot: Snapshot, network: str, now: int) -> list[str]:
    """The addresses of a network from which anybody has logged in."""
    rows = snapshot.all(
        "SELECT DISTINCT address FROM login_address WHERE network = ? AND used_at > ? LIMIT ?",
        (network, now - KEPT_MS, MOST_OF_NETWORK),
    )
    return [row[0] for row in rows]


def note(tx: Transaction, inbox_id: int, address: str, network: str, now: int) -> None:
    """Remember a login that went well, and forget old ones."""
    tx.execute(
        "INSERT INTO login_address(inbox_id, address, network, used_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT(inbox_id, address) DO UPDATE SET used_at = excluded.used_at",
        (inbox_id, address, network, now),
    )
    tx.execute(
        "DELETE FROM login_address WHERE inbox_id = ? AND address NOT IN "
        "(SELECT address FROM login_address WHERE inbox_id = ? ORDER BY used_at DESC, address LIMIT ?)",
        (inbox_id, inbox_id, MOST),
    )
    tx.execute(
        "DELETE FROM login_address WHERE (inbox_id, address) IN "
        "(SELECT inbox_id, address FROM login_address WHERE used_at <= ? LIMIT ?)",
        (now - KEPT_MS, SWEPT_AT_ONCE),
    )


def forget(tx: Transaction, inbox_id: int) -> None:
    """Forget where an inbox's owner came from."""
    tx.execute("DELETE FROM login_address WHERE inbox_id = ?", (inbox_id,))
