"""A tenant as its applications see it."""

from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.tenant import Tenant
from mailserver.storage import tenants
from mailserver.storage.database import Database, Snapshot
from mailserver.storage.inboxes import DELETED


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant with how much it has."""

    tenant: Tenant
    inbox_count: int
    domain_count: int


class Organizations:
    """The caller's own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, caller: Caller) -> Organization:
        """The tenant; one who is bound to an inbox is told of that one only."""
        return await self._database.read(_get, caller)


def _get(snapshot: Snapshot, caller: Caller) -> Organization:
    tenant = tenants.get(snapshot, caller.tenant_id)
    if tenant is None:
        raise errors.NotFound("There is no such organisation.")
    if caller.inbox_id is not None:
        return Organization(tenant, 1, 0)
    (count,) = snapshot.one(
        "SELECT COUNT(*) FROM inbox WHERE tenant_id = ? AND status != ?", (caller.tenant_id, DELETED)
    )
    return Organization(tenant, count, len(tenants.domains(snapshot, caller.tenant_id)))
