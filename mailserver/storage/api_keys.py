"""API keys as applications keep them, with the address of the inbox that they are bound to."""

import time
from collections.abc import Sequence
from typing import Any

from mailserver.entities.api_key import ApiKey
from mailserver.entities.permission import Permission
from mailserver.storage import credentials
from mailserver.storage.database import Snapshot, Transaction

KIND = "api_key"
_COLUMNS = (
    "SELECT t.id, t.tenant_id, t.inbox_id, i.address, t.label, t.prefix, t.permissions, t.created_at, t.updated_at, "
    "t.last_used_at, t.expires_at, t.pod_id FROM token t LEFT JOIN inbox i ON i.id = t.inbox_id"
)


def page(
    snapshot: Snapshot, owner: tuple[str, int], behind: int | None, limit: int, *, ascending: bool
) -> list[ApiKey]:
    """The keys of `("tenant_id", number)`, "pod_id" or "inbox_id", newest first, from behind one."""
    direction, comparison = ("ASC", ">") if ascending else ("DESC", "<")
    column, number = owner
    condition, values = f"t.{column} = ? AND t.kind = ?", list[object]([number, KIND])
    if behind is not None:
        condition, values = f"{condition} AND t.id {comparison} ?", [*values, behind]
    rows = snapshot.all(f"{_COLUMNS} WHERE {condition} ORDER BY t.id {direction} LIMIT ?", [*values, limit])
    return [_key(row) for row in rows]


def get(snapshot: Snapshot, key_id: int) -> ApiKey | None:
    """A key."""
    row = snapshot.one(f"{_COLUMNS} WHERE t.id = ? AND t.kind = ?", (key_id, KIND))
    return _key(row) if row else None


def change(tx: Transaction, key_id: int, name: str, permissions: frozenset[Permission] | None, scopes: str) -> None:
    """Write what may be changed of a key."""
    tx.execute(
        "UPDATE token SET label = ?, permissions = ?, scopes = ?, updated_at = ? WHERE id = ?",
        (name, credentials.permission_words(permissions), scopes, int(time.time() * 1000), key_id),
    )
    tx.ring(credentials.TOPIC)


def _key(row: Sequence[Any]) -> ApiKey:
    identity, tenant_id, inbox_id, address, name, prefix, words, created_at, updated_at, used_at, *rest = row
    expires_at, pod_id = rest
    return ApiKey(
        identity, tenant_id, inbox_id, address, name, prefix, credentials.permissions_of(words), created_at,
        updated_at or created_at, used_at, expires_at, pod_id,
    )  # fmt: skip
