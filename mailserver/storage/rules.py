"""Entries of allow and block lists."""

from mailserver.entities.rule import Direction, EntryType, ListType, Rule, RuleScope
from mailserver.storage.database import Snapshot, Transaction

TOPIC = "rules"
MOST = 20_000  # of one tenant: they are held in memory
LARGEST_PAGE = 1_000
_COLUMNS = "id, tenant_id, pod_id, inbox_id, direction, list_type, entry, entry_type, reason, created_at"


def add(tx: Transaction, rule: Rule) -> Rule:
    """Insert an entry; one that is there gets the new reason and keeps its id and age. The entry as it stands."""
    tx.ring(TOPIC)
    row = tx.one(
        f"INSERT INTO sender_rule({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT(tenant_id, pod_id, inbox_id, direction, list_type, entry) DO UPDATE SET reason = excluded.reason "
        f"RETURNING {_COLUMNS}",
        (
            rule.id, *_scope(rule.scope), rule.direction.value, rule.list_type.value, rule.entry,
            rule.entry_type.value, rule.reason, rule.created_at,
        ),
    )  # fmt: skip
    return _entity(row)


def remove(tx: Transaction, scope: RuleScope, direction: Direction, list_type: ListType, entry: str) -> bool:
    """Delete an entry; False where there is none."""
    tx.ring(TOPIC)
    return (
        tx.execute(
            "DELETE FROM sender_rule WHERE tenant_id = ? AND pod_id = ? AND inbox_id = ? AND direction = ? "
            "AND list_type = ? AND entry = ?",
            (*_scope(scope), direction.value, list_type.value, entry),
        ).rowcount
        > 0
    )


def clear(tx: Transaction, scope: RuleScope, direction: Direction) -> None:
    """Delete every entry of a scope's lists of one direction."""
    tx.ring(TOPIC)
    tx.execute(
        "DELETE FROM sender_rule WHERE tenant_id = ? AND pod_id = ? AND inbox_id = ? AND direction = ?",
        (*_scope(scope), direction.value),
    )


def get(snapshot: Snapshot, scope: RuleScope, direction: Direction, list_type: ListType, entry: str) -> Rule | None:
    """One entry."""
    row = snapshot.one(
        f"SELECT {_COLUMNS} FROM sender_rule WHERE tenant_id = ? AND pod_id = ? AND inbox_id = ? AND direction = ? "
        "AND list_type = ? AND entry = ?",
        (*_scope(scope), direction.value, list_type.value, entry),
    )
    return _entity(row) if row else None


def page(
    snapshot: Snapshot, scope: RuleScope, direction: Direction, list_type: ListType, after: str = "", limit: int = 100
) -> list[Rule]:
    """The entries of one list of one scope behind an entry, by their text."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM sender_rule WHERE tenant_id = ? AND pod_id = ? AND inbox_id = ? AND direction = ? "
        "AND list_type = ? AND entry > ? ORDER BY entry LIMIT ?",
        (*_scope(scope), direction.value, list_type.value, after, min(limit, LARGEST_PAGE)),
    )
    return [_entity(row) for row in rows]


def of_tenant(snapshot: Snapshot, tenant_id: int) -> list[Rule]:
    """Every entry of a tenant, oldest first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM sender_rule WHERE tenant_id = ? ORDER BY id LIMIT ?", (tenant_id, MOST)
    )
    return [_entity(row) for row in rows]


def count(snapshot: Snapshot, tenant_id: int) -> int:
    """How many entries a tenant has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM sender_rule WHERE tenant_id = ?", (tenant_id,))[0]
    return number


def _scope(scope: RuleScope) -> tuple[int, int, int]:
    return scope.tenant_id, scope.pod_id, scope.inbox_id


def _entity(row: tuple[int, int, int, int, str, str, str, str, str | None, int]) -> Rule:
    identity, tenant_id, pod_id, inbox_id, direction, list_type, entry, entry_type, reason, created_at = row
    scope = RuleScope(tenant_id, pod_id, inbox_id)
    return Rule(
        identity, scope, Direction(direction), ListType(list_type), entry, EntryType(entry_type), reason, created_at
    )
