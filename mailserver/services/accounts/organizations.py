"""A tenant as its applications see it."""

from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.tenant import Tenant
from mailserver.storage import agent_inboxes, tenants
from mailserver.storage.database import Database, Snapshot


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant with how much it has."""

    tenant: Tenant
    inbox_count: int
    domain_count: int
    daily_send_limit: int | None  # messages, over all of its inboxes; None where there is no limit


class Organizations:
    """The caller's own."""

    def __init__(self, database: Database, messages_per_inbox_per_day: int) -> None:
        self._database = database
        self._messages_per_inbox_per_day = messages_per_inbox_per_day

    async def get(self, caller: Caller) -> Organization:
        """The tenant; one who is bound to an inbox or a pod is told of what is there only."""
        return await self._database.read(_get, caller, self._messages_per_inbox_per_day)


def _get(snapshot: Snapshot, caller: Caller, most: int) -> Organization:
    tenant = tenants.get(snapshot, caller.tenant_id)
    if tenant is None:
        raise errors.NotFound("There is no such organisation.")
    if caller.inbox_id is not None:
        return Organization(tenant, 1, 0, most or None)
    domains = tenants.domains(snapshot, caller.tenant_id, caller.pod_id)
    number = agent_inboxes.count(snapshot, caller.tenant_id, caller.pod_id)
    return Organization(tenant, number, len(domains), number * most if most else None)
