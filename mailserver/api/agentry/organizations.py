"""Endpoints of the organisation and of who is asking."""

from mailserver.api.agentry import present
from mailserver.api.agentry.schemas import api_keys as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.http.routing import get
from mailserver.services.registry import Services


class OrganizationsPage:
    """What every key may know of where it belongs."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/organizations")
    async def get_organization(self, caller: Caller) -> shapes.Organization:
        """Get the organisation of the key, with how much it has of what the key may see."""
        found = await self._services.organizations.get(caller)
        return shapes.Organization(
            organization_id=identifiers.encode(Kind.TENANT, found.tenant.id), inbox_count=found.inbox_count,
            domain_count=found.domain_count, daily_send_limit=found.daily_send_limit,
            updated_at=present.when(found.tenant.created_at),
            created_at=present.when(found.tenant.created_at),
        )  # fmt: skip

    @get("/auth/me")
    async def get_identity(self, caller: Caller) -> shapes.Identity:
        """Get who is asking: the organisation, or one pod or inbox of it."""
        organization = identifiers.encode(Kind.TENANT, caller.tenant_id)
        inbox = await self._services.inboxes.of(caller, None) if caller.inbox_id is not None else None
        pod = present.pod_id(caller.pod_id) if caller.pod_id is not None else None
        scope, number = ("pod", pod) if pod else ("organization", organization)
        return shapes.Identity(
            scope_type="inbox" if inbox else scope, scope_id=inbox.address if inbox else number,
            organization_id=organization, pod_id=pod, inbox_id=inbox.address if inbox else None,
            api_key_id=identifiers.encode(Kind.API_KEY, caller.credential_id),
        )  # fmt: skip
