"""Answers to requests that a client may repeat under one Idempotency-Key."""

from dataclasses import dataclass

from mailserver.storage.database import Snapshot, Transaction

KEPT_MS = 86_400_000
UNDER_WAY_MS = 600_000  # after which a request that never got an answer, as its server stopped, may be made again


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered to the first request under a key."""

    fingerprint: str
    answer: str


def get(snapshot: Snapshot, tenant_id: int, key: str, now: int) -> Answered | None:
    """The answer under a key, for a day."""
    row = snapshot.one(
        "SELECT fingerprint, answer FROM idempotency WHERE tenant_id = ? AND key = ? AND created_at > ?",
        (tenant_id, key, now - KEPT_MS),
    )
    return Answered(*row) if row else None


def put(tx: Transaction, tenant_id: int, key: str, answered: Answered, now: int) -> None:
    """Keep an answer, in the transaction of what it answers."""
    tx.execute(
        "INSERT INTO idempotency(tenant_id, key, fingerprint, status, answer, created_at) VALUES (?, ?, ?, 201, ?, ?) "
        "ON CONFLICT(tenant_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, answer = excluded.answer, "
        "created_at = excluded.created_at",
        (tenant_id, key, answered.fingerprint, answered.answer, now),
    )


def reserve(tx: Transaction, tenant_id: int, key: str, fingerprint: str, now: int) -> Answered | None:
    """Begin a request under a key; what stands there where somebody has, with no answer as long as it is under way."""
    tx.execute(
        "DELETE FROM idempotency WHERE tenant_id = ? AND key = ? "
        "AND (created_at <= ? OR status = 0 AND created_at <= ?)",
        (tenant_id, key, now - KEPT_MS, now - UNDER_WAY_MS),
    )
    row = tx.one("SELECT fingerprint, answer FROM idempotency WHERE tenant_id = ? AND key = ?", (tenant_id, key))
    if row is not None:
        return Answered(*row)
    tx.execute(
        "INSERT INTO idempotency(tenant_id, key, fingerprint, status, answer, created_at) VALUES (?, ?, ?, 0, '', ?)",
        (tenant_id, key, fingerprint, now),
    )
    return None


def settle(tx: Transaction, tenant_id: int, key: str, answer: str) -> None:
    """Keep the answer of a request that was begun."""
    tx.execute(
        "UPDATE idempotency SET status = 200, answer = ? WHERE tenant_id = ? AND key = ?", (answer, tenant_id, key)
    )


def release(tx: Transaction, tenant_id: int, key: str) -> None:
    """Forget a request that was begun and changed nothing."""
    tx.execute("DELETE FROM idempotency WHERE tenant_id = ? AND key = ? AND status = 0", (tenant_id, key))


def expire(tx: Transaction, now: int) -> None:
    """Forget what is older than a day."""
    tx.execute("DELETE FROM idempotency WHERE created_at <= ?", (now - KEPT_MS,))
