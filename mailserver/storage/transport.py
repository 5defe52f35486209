"""MTA-STS policy queries."""

from mailserver.entities.transport import StoredPolicy
from mailserver.storage.database import Snapshot, Transaction


def policy(snapshot: Snapshot, domain: str) -> StoredPolicy | None:
    """A domain's policy, even if it has run out."""
    row = snapshot.one(
        "SELECT domain, policy_id, body, fetched_at, expires_at FROM sts_policy WHERE domain = ?", [domain]
    )
    return None if row is None else StoredPolicy(row[0], row[1], bytes(row[2]), row[3], row[4])


def keep(tx: Transaction, fetched: StoredPolicy, now: int) -> None:
    """Put a policy in the place of an older one; never an older one in the place of a younger."""
    tx.execute(
        "INSERT INTO sts_policy(domain, policy_id, body, fetched_at, expires_at, checked_at, used_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(domain) DO UPDATE SET policy_id = excluded.policy_id, "
        "body = excluded.body, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at, "
        "checked_at = excluded.checked_at WHERE excluded.fetched_at >= sts_policy.fetched_at",
        [fetched.domain, fetched.policy_id, fetched.body, fetched.fetched_at, fetched.expires_at, now, now],
    )


def use(tx: Transaction, domain: str, now: int) -> None:
    """Remember that mail went to a domain."""
    tx.execute("UPDATE sts_policy SET used_at = ? WHERE domain = ?", [now, domain])


def claim_stale(tx: Transaction, checked_before: int, used_since: int, now: int, limit: int) -> list[StoredPolicy]:
    """Policies that nobody has fetched for a while, of domains that mail goes to; another node gets others."""
    rows = tx.all(
        "UPDATE sts_policy SET checked_at = ? WHERE domain IN (SELECT domain FROM sts_policy "
        "WHERE checked_at < ? AND used_at >= ? AND expires_at > ? ORDER BY checked_at LIMIT ?) "
        "AND checked_at < ? RETURNING domain, policy_id, body, fetched_at, expires_at",
        [now, checked_before, used_since, now, limit, checked_before],
    )
    return [StoredPolicy(row[0], row[1], bytes(row[2]), row[3], row[4]) for row in rows]


def forget_expired(tx: Transaction, now: int) -> int:
    """Remove what has run out; how many there were."""
    return tx.execute("DELETE FROM sts_policy WHERE expires_at <= ?", [now]).rowcount
