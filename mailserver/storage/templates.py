"""Templates of a tenant."""

from typing import Any

import orjson

from mailserver.entities.template import Template
from mailserver.storage.database import Snapshot, Transaction

MOST = 1000  # of one tenant
_COLUMNS = "id, tenant_id, name, subject, body, variables, created_by, created_at, updated_at"


def put(tx: Transaction, one: Template) -> None:
    """Insert a template, or write it in the place of the one that has its id."""
    tx.execute(
        f"INSERT INTO template({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
        "name = excluded.name, subject = excluded.subject, body = excluded.body, variables = excluded.variables, "
        "updated_at = excluded.updated_at",
        (
            one.id, one.tenant_id, one.name, one.subject, one.body, orjson.dumps(one.variables).decode(),
            one.created_by, one.created_at, one.updated_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, template_id: int) -> Template | None:
    """A template by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM template WHERE id = ?", (template_id,))
    return _entity(row) if row else None


def of_tenant(snapshot: Snapshot, tenant_id: int) -> list[Template]:
    """The templates of a tenant, oldest first."""
    rows = snapshot.all(f"SELECT {_COLUMNS} FROM template WHERE tenant_id = ? ORDER BY id LIMIT ?", (tenant_id, MOST))
    return [_entity(row) for row in rows]


def count(snapshot: Snapshot, tenant_id: int) -> int:
    """How many templates a tenant has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM template WHERE tenant_id = ?", (tenant_id,))[0]
    return number


def remove(tx: Transaction, template_id: int) -> None:
    """Delete a template."""
    tx.execute("DELETE FROM template WHERE id = ?", (template_id,))


def _entity(row: tuple[Any, ...]) -> Template:
    return Template(row[0], row[1], row[2], row[3], row[4], tuple(orjson.loads(row[5])), *row[6:])
