"""Endpoints of a pod's domains page."""

from aiohttp import web

from mailserver.api.agentry.domains import AgentDomainsPage
from mailserver.api.agentry.schemas import domains as shapes
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services

GONE = {404: "There is no such pod, or no such domain in it."}


class PodDomainsPage:
    """Domains of one pod: only its own inboxes have addresses there."""

    def __init__(self, services: Services, domains: AgentDomainsPage) -> None:
        self._services = services
        self._domains = domains

    @get("/pods/{pod_id}/domains", scope=Scope.ADMIN, permission=Permission.DOMAIN_READ, answers=GONE)
    async def list_domains(self, caller: Caller, pod_id: str, query: shapes.ListDomains) -> shapes.DomainList:
        """List a pod's domains, newest first."""
        return await self._domains.list_domains(await self._services.pods.within(caller, pod_id), query)

    @post("/pods/{pod_id}/domains", scope=Scope.ADMIN, permission=Permission.DOMAIN_CREATE, answers=GONE)
    async def create_domain(self, caller: Caller, pod_id: str, body: shapes.NewDomain) -> shapes.DomainShown:
        """Claim a domain for a pod. It takes no mail until its record shows that it is yours, and it is verified."""
        return await self._domains.create_domain(await self._services.pods.within(caller, pod_id), body)

    @get("/pods/{pod_id}/domains/{domain_id}", scope=Scope.ADMIN, permission=Permission.DOMAIN_READ, answers=GONE)
    async def get_domain(self, caller: Caller, pod_id: str, domain_id: str) -> shapes.DomainShown:
        """Get a domain of a pod with the records to publish, and how they stand in DNS."""
        return await self._domains.get_domain(await self._services.pods.within(caller, pod_id), domain_id)

    @patch("/pods/{pod_id}/domains/{domain_id}", scope=Scope.ADMIN, permission=Permission.DOMAIN_UPDATE, answers=GONE)
    async def update_domain(
        self, caller: Caller, pod_id: str, domain_id: str, body: shapes.ChangeDomain
    ) -> shapes.DomainShown:
        """Ask for switches of a domain of a pod; 400 for one that cannot be had here."""
        return await self._domains.update_domain(await self._services.pods.within(caller, pod_id), domain_id, body)

    @delete(
        "/pods/{pod_id}/domains/{domain_id}",
        scope=Scope.ADMIN,
        permission=Permission.DOMAIN_DELETE,
        status=204,
        answers=GONE,
    )
    async def delete_domain(self, caller: Caller, pod_id: str, domain_id: str) -> None:
        """Give a domain of a pod up; 409 while inboxes have addresses on it."""
        await self._domains.delete_domain(await self._services.pods.within(caller, pod_id), domain_id)

    @post(
        "/pods/{pod_id}/domains/{domain_id}/verify",
        scope=Scope.ADMIN,
        permission=Permission.DOMAIN_UPDATE,
        status=204,
        answers=GONE,
    )
    async def verify_domain(self, caller: Caller, pod_id: str, domain_id: str) -> None:
        """Look at a domain of a pod in DNS; with its record there, it is verified from now on."""
        await self._domains.verify_domain(await self._services.pods.within(caller, pod_id), domain_id)

    @get(
        "/pods/{pod_id}/domains/{domain_id}/zone-file",
        scope=Scope.ADMIN,
        permission=Permission.DOMAIN_READ,
        media_type="text/plain",
        answers=GONE,
    )
    async def get_zone_file(self, caller: Caller, pod_id: str, domain_id: str) -> web.Response:
        """Get the records to publish for a domain of a pod as a zone file."""
        return await self._domains.get_zone_file(await self._services.pods.within(caller, pod_id), domain_id)
