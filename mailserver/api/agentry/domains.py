"""Endpoints of the domains page."""

from aiohttp import web

from mailserver.api.agentry import present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import domains as shapes
from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.permission import Permission
from mailserver.entities.tenant import Domain, DomainStatus
from mailserver.http.routing import delete, get, patch, post
from mailserver.mail import zone_file
from mailserver.services.accounts.domain_checks import Checked, RecordStatus
from mailserver.services.registry import Services

GONE = {404: "There is no such domain."}
TTL_SECONDS = 3600
_TYPES = frozenset({"TXT", "CNAME", "MX"})  # that clients know; the zone file has the others, too
_STATUS = {
    RecordStatus.VALID: "VALID", RecordStatus.INVALID: "INVALID", RecordStatus.MISSING: "MISSING",
    RecordStatus.UNKNOWN: "MISSING",
}  # fmt: skip
_FIXED = {"feedback_enabled": False, "inbound_enabled": True, "subdomains_enabled": False, "tracking_enabled": False}


class AgentDomainsPage:
    """Domains of the organisation; a domain's id is its name."""

    def __init__(self, services: Services, cursors: Cursors) -> None:
        self._services = services
        self._cursors = cursors

    @get("/domains", scope=Scope.ADMIN, permission=Permission.DOMAIN_READ)
    async def list_domains(self, caller: Caller, query: shapes.ListDomains) -> shapes.DomainList:
        """List domains, newest first."""
        _refuse_bound(caller)
        asked = f"domains {query.ascending}"
        behind = self._cursors.read(caller, asked, query.page_token)
        every = sorted(
            await self._services.domain_keeping.all(caller), key=lambda one: one.id, reverse=not query.ascending
        )
        if behind is not None:
            every = [one for one in every if (one.id > behind[1]) == query.ascending and one.id != behind[1]]
        shown = every[: query.limit]
        token = self._cursors.make(caller, asked, 0, shown[-1].id) if len(every) > query.limit else None
        return shapes.DomainList(
            count=len(shown), limit=query.limit, next_page_token=token, domains=[_item(one) for one in shown]
        )

    @post("/domains", scope=Scope.ADMIN, permission=Permission.DOMAIN_CREATE)
    async def create_domain(self, caller: Caller, body: shapes.NewDomain) -> shapes.DomainShown:
        """Claim a domain. It takes no mail until its record shows that it is yours, and it is verified."""
        _refuse_bound(caller)
        _check_switches(body)
        domain, _ = await self._services.domain_keeping.create(caller, body.domain, "existing_domain", "quarantine")
        return shown(*await self._services.domain_keeping.check(caller, domain.name))

    @get("/domains/{domain_id}", scope=Scope.ADMIN, permission=Permission.DOMAIN_READ, answers=GONE)
    async def get_domain(self, caller: Caller, domain_id: str) -> shapes.DomainShown:
        """Get a domain with the records to publish, and how they stand in DNS."""
        _refuse_bound(caller)
        domain, _ = await self._services.domain_keeping.get(caller, domain_id)  # questions to DNS are counted
        return shown(*await self._services.domain_keeping.check(caller, domain.name))

    @patch("/domains/{domain_id}", scope=Scope.ADMIN, permission=Permission.DOMAIN_UPDATE, answers=GONE)
    async def update_domain(self, caller: Caller, domain_id: str, body: shapes.ChangeDomain) -> shapes.DomainShown:
        """Ask for switches of a domain; 400 for one that cannot be had here."""
        _refuse_bound(caller)
        domain, _ = await self._services.domain_keeping.get(caller, domain_id)
        _check_switches(body)
        return shown(*await self._services.domain_keeping.check(caller, domain.name))

    @delete("/domains/{domain_id}", scope=Scope.ADMIN, permission=Permission.DOMAIN_DELETE, status=204, answers=GONE)
    async def delete_domain(self, caller: Caller, domain_id: str) -> None:
        """Give a domain up; 409 while inboxes have addresses on it."""
        _refuse_bound(caller)
        await self._services.domain_keeping.remove(caller, domain_id)

    @post(
        "/domains/{domain_id}/verify",
        scope=Scope.ADMIN,
        permission=Permission.DOMAIN_UPDATE,
        status=204,
        answers=GONE,
    )
    async def verify_domain(self, caller: Caller, domain_id: str) -> None:
        """Look at a domain in DNS; with its record there, it is verified from now on. Get it to see how it stands."""
        _refuse_bound(caller)
        domain, _ = await self._services.domain_keeping.get(caller, domain_id)
        await self._services.domain_keeping.verify(caller, domain.name)

    @get(
        "/domains/{domain_id}/zone-file",
        scope=Scope.ADMIN,
        permission=Permission.DOMAIN_READ,
        media_type="text/plain",
        answers=GONE,
    )
    async def get_zone_file(self, caller: Caller, domain_id: str) -> web.Response:
        """Get the records to publish as a zone file."""
        _refuse_bound(caller)
        domain, found = await self._services.domain_keeping.get(caller, domain_id)
        lines = [f"; {domain.name}"]
        for one in found:
            lines += [f"; {one.purpose}", zone_file.line(one.name, one.type, one.value, one.priority, TTL_SECONDS)]
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")


def _check_switches(body: shapes.ChangeDomain) -> None:
    for name in ("inbound_enabled", "subdomains_enabled", "tracking_enabled"):
        wanted = getattr(body, name)
        if wanted is not None and wanted is not _FIXED[name]:
            sentence = f"{name} is always {str(_FIXED[name]).lower()} here."
            raise errors.Invalid(sentence, **{name: sentence})


def _refuse_bound(caller: Caller) -> None:
    if caller.inbox_id is not None:
        raise errors.Forbidden("This key is bound to one inbox.")


def _item(domain: Domain) -> shapes.DomainItem:
    return shapes.DomainItem(
        pod_id=present.pod_id(domain.pod_id), domain_id=domain.name, domain=domain.name, **_FIXED,
        updated_at=present.when(domain.created_at), created_at=present.when(domain.created_at),
    )  # fmt: skip


def shown(domain: Domain, found: list[Checked]) -> shapes.DomainShown:
    """A domain with the records to publish and how they stand."""
    known = [one for one in found if one.record.type in _TYPES and not one.record.is_optional]
    records = [
        shapes.RecordShown(
            type=one.record.type, name=one.record.name, value=one.record.value, status=_STATUS[one.status],
            priority=one.record.priority, reason=_reason(one),
        )
        for one in known
    ]  # fmt: skip
    return shapes.DomainShown(
        **_item(domain).model_dump(), status=_status(domain, {one.status for one in known}), records=records
    )


def _status(domain: Domain, statuses: set[RecordStatus]) -> str:
    if domain.status is DomainStatus.VERIFIED:
        return "VERIFIED"
    if RecordStatus.INVALID in statuses:
        return "INVALID"
    return "PENDING" if RecordStatus.VALID in statuses else "NOT_STARTED"


def _reason(one: Checked) -> str | None:
    if one.status is RecordStatus.UNKNOWN:
        return "DNS gave no answer."
    return f"Found: {'; '.join(one.found)}"[:1000] if one.status is RecordStatus.INVALID else None
