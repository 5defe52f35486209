"""Subscription queries. A subscription is gone for everybody once it has expired or its login is good no more."""

import json
from typing import Any

from mailserver.entities.push_subscription import Holder, Owner, PushSubscription
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = (
    "id, tenant_id, holder, holder_id, inbox_id, pod_id, device_id, types, sealed, host, is_verified, expires_at, "
    "digest, attempts, due_at, created_at"
)
_MARKS = ", ".join("?" * 16)
# Whether the login would still be let in by JMAP; one parameter, the time.
_ALIVE = (
    "expires_at > ?1 AND CASE holder "
    "WHEN 'session' THEN EXISTS (SELECT 1 FROM session s WHERE s.id = holder_id AND s.expires_at > ?1) "
    "WHEN 'password' THEN EXISTS (SELECT 1 FROM password p WHERE p.id = holder_id) "
    "ELSE EXISTS (SELECT 1 FROM token t WHERE t.id = holder_id AND (t.expires_at IS NULL OR t.expires_at > ?1) "
    "AND t.permissions IS NULL AND ' ' || t.scopes || ' ' LIKE '% email:read %') END"
)


def add(tx: Transaction, one: PushSubscription) -> None:
    """Insert a subscription."""
    tx.execute(
        f"INSERT INTO push_subscription({_COLUMNS}) VALUES ({_MARKS})",
        (
            one.id, one.owner.tenant_id, one.owner.holder.value, one.owner.holder_id, one.inbox_id, one.pod_id,
            one.device_id, _written(one.types), one.sealed, one.host, int(one.is_verified), one.expires_at, one.digest,
            one.attempts, one.due_at, one.created_at,
        ),
    )  # fmt: skip


def of_owner(snapshot: Snapshot, owner: Owner, now: int) -> list[PushSubscription]:
    """The subscriptions that a login has made, oldest first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM push_subscription WHERE holder = ?2 AND holder_id = ?3 AND tenant_id = ?4 "
        f"AND {_ALIVE} ORDER BY id",
        (now, owner.holder.value, owner.holder_id, owner.tenant_id),
    )
    return [_entity(row) for row in rows]


def count_of_tenant(snapshot: Snapshot, tenant_id: int) -> int:
    """How many a tenant has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM push_subscription WHERE tenant_id = ?", (tenant_id,))[0]
    return number


def get(snapshot: Snapshot, number: int, now: int) -> PushSubscription | None:
    """A subscription, whoever made it."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM push_subscription WHERE id = ?2 AND {_ALIVE}", (now, number))
    return _entity(row) if row else None


def change(tx: Transaction, one: PushSubscription) -> None:
    """Write what may change: by the client, or by what became of a try."""
    tx.execute(
        "UPDATE push_subscription SET types = ?, is_verified = ?, expires_at = ?, digest = ?, attempts = ?, due_at = ? "
        "WHERE id = ?",
        (
            _written(one.types), int(one.is_verified), one.expires_at, one.digest, one.attempts, one.due_at, one.id,
        ),
    )  # fmt: skip


def tried(
    tx: Transaction, number: int, attempts: int, due_at: int | None, digest: str | None, *, was_verified: bool
) -> None:
    """Write what became of a try, unless the client has verified the subscription meanwhile."""
    tx.execute(
        "UPDATE push_subscription SET attempts = ?, due_at = ?, digest = COALESCE(?, digest) "
        "WHERE id = ? AND is_verified = ?",
        (attempts, due_at, digest, number, int(was_verified)),
    )


def remove(tx: Transaction, number: int) -> None:
    """Delete a subscription."""
    tx.execute("DELETE FROM push_subscription WHERE id = ?", (number,))


def verified(snapshot: Snapshot, now: int) -> list[PushSubscription]:
    """Every subscription that is told of new states."""
    rows = snapshot.all(f"SELECT {_COLUMNS} FROM push_subscription WHERE is_verified = 1 AND {_ALIVE}", (now,))
    return [_entity(row) for row in rows]


def due(snapshot: Snapshot, now: int, limit: int) -> list[PushSubscription]:
    """Subscriptions for which a try is due, the most patient first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM push_subscription WHERE due_at <= ? ORDER BY due_at LIMIT ?", (now, limit)
    )
    return [_entity(row) for row in rows]


def next_due_at(snapshot: Snapshot, now: int) -> int | None:
    """When a further try is due."""
    found: int | None = snapshot.one("SELECT MIN(due_at) FROM push_subscription WHERE due_at > ?", (now,))[0]
    return found


def sweep(tx: Transaction, now: int) -> int:
    """Delete those that have expired or whose login has gone; how many."""
    return tx.execute(f"DELETE FROM push_subscription WHERE NOT ({_ALIVE})", (now,)).rowcount


def is_any_gone(snapshot: Snapshot, now: int) -> bool:
    """Whether there is something to sweep."""
    row = snapshot.one(f"SELECT EXISTS (SELECT 1 FROM push_subscription WHERE NOT ({_ALIVE}))", (now,))
    return bool(row[0])


def _written(types: tuple[str, ...] | None) -> str | None:
    return None if types is None else json.dumps(types)


def _entity(row: tuple[Any, ...]) -> PushSubscription:
    (
        number, tenant_id, holder, holder_id, inbox_id, pod_id, device_id, types, sealed, host, is_verified, expires_at,
        digest, attempts, due_at, created_at,
    ) = row  # fmt: skip
    return PushSubscription(
        number, Owner(tenant_id, Holder(holder), holder_id), inbox_id, pod_id, device_id,
        tuple(json.loads(types)) if types is not None else None, bytes(sealed), host, bool(is_verified), expires_at,
        digest, attempts, due_at, created_at,
    )  # fmt: skip
