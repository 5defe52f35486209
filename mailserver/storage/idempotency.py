"""Answers to requests that a client may repeat under one Idempotency-Key."""

from dataclasses import dataclass

from mailserver.storage.database import Snapshot, Transaction

KEPT_MS = 86_400_000


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


def expire(tx: Transaction, now: int) -> None:
    """Forget what is older than a day."""
    tx.execute("DELETE FROM idempotency WHERE created_at <= ?", (now - KEPT_MS,))
