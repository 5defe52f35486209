"""Endpoints of the domains page."""

from typing import Any, get_args

from mailserver.api.gent import times
from mailserver.api.gent.schemas import domains as shapes
from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.tenant import Domain
from mailserver.http.routing import delete, get, post
from mailserver.services.accounts.domain_checks import Checked
from mailserver.services.accounts.records import Record
from mailserver.services.registry import Services

PEOPLE = frozenset({Credential.SESSION})
_TYPES = (
    ("TXT", "_gent-verify", "Shows that the domain is yours."),
    ("MX", "@", "Mail for the domain comes to this server."),
    ("TXT", "@", "Which servers send its mail (SPF)."),
    ("TXT", "<selector>._domainkey", "The keys of its signatures (DKIM), one RSA and one Ed25519."),
    ("TXT", "_dmarc", "What receivers do with mail that fails (DMARC)."),
    ("TXT", "_mta-sts", "Senders ask for a policy about TLS (MTA-STS)."),
    ("CNAME", "mta-sts", "Where that policy is served."),
    ("TXT", "_smtp._tls", "Who is told of trouble with TLS (TLS-RPT)."),
    ("TLSA", "_25._tcp.<server>", "The server's key, for senders with DANE."),
    ("TXT", "default._bimi", "A logo; optional (BIMI)."),
)
_GUIDANCE = {
    "none": "Receivers deliver mail that fails, and report it. For the first weeks of a domain that others send for.",
    "quarantine": "Receivers put mail that fails into junk. For domains that people write from.",
    "reject": "Receivers refuse mail that fails. For a subdomain from which nothing else is sent.",
}


class DomainsPage:
    """Domains of the tenant."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/domains/reference/", public=True)
    async def get_reference(self) -> shapes.DomainReference:
        """Get what a form for domains needs to know."""
        return shapes.DomainReference(
            resource="domains",
            payload={
                "domain": {"type": "string", "required": True},
                "domain_use": {"type": "string", "enum": list(get_args(shapes.Use)), "default": "existing_domain"},
                "dmarc_policy": {"type": "string", "enum": list(get_args(shapes.Policy)), "default": "quarantine"},
            },
            dns_record_types=_types(),
            dmarc_policy_guidance=_GUIDANCE,
            setup={
                "steps": ["create", "publish the dns_records", "verify", "make inboxes"],
                "endpoints": {
                    "create": "POST /v1/domains/",
                    "check": "GET /v1/domains/{name}/check/",
                    "verify": "POST /v1/domains/{name}/verify/",
                },
            },
        )

    @get("/domains/dns-record-types/", public=True)
    async def list_record_types(self) -> shapes.RecordTypes:
        """List the kinds of records that a domain has."""
        found = _types()
        counts: dict[str, int] = {}
        for one in found:
            counts[one.type] = counts.get(one.type, 0) + 1
        return shapes.RecordTypes(resource="dns_record_types", dns_record_types=found, counts=counts)

    @post("/domains/", scope=Scope.ADMIN, credentials=PEOPLE, status=201, repeatable=True)
    async def create_domain(self, caller: Caller, body: shapes.CreateDomain) -> shapes.DomainShown:
        """Claim a domain. It takes no mail until its record shows that it is yours, and it is verified."""
        name = body.domain or body.name
        if name is None:
            raise errors.Invalid("Say which domain.", domain="The field is required.")
        usual = "reject" if body.domain_use == "dedicated_subdomain" else "quarantine"
        domain, found = await self._services.domain_keeping.create(
            caller, name, body.domain_use, body.dmarc_policy or usual
        )
        return _shown(domain, found)

    @get("/domains/", credentials=PEOPLE)
    async def list_domains(self, caller: Caller) -> list[shapes.DomainRow]:
        """List the domains of the tenant, by name."""
        return [shapes.DomainRow(**_fields(domain)) for domain in await self._services.domain_keeping.all(caller)]

    @get("/domains/{domain_name}/", credentials=PEOPLE)
    async def get_domain(self, caller: Caller, domain_name: str) -> shapes.DomainShown:
        """Get a domain with the DNS records to publish."""
        return _shown(*await self._services.domain_keeping.get(caller, domain_name))

    @get("/domains/{domain_name}/check/", credentials=PEOPLE)
    async def check_domain(self, caller: Caller, domain_name: str) -> shapes.DomainChecked:
        """Look at every record of a domain in DNS; nothing is changed."""
        return _checked(*await self._services.domain_keeping.check(caller, domain_name))

    @post("/domains/{domain_name}/verify/", scope=Scope.ADMIN, credentials=PEOPLE)
    async def verify_domain(self, caller: Caller, domain_name: str) -> shapes.DomainChecked:
        """Look at a domain in DNS; with its `_gent-verify` record there, it is verified from now on."""
        return _checked(*await self._services.domain_keeping.verify(caller, domain_name))

    @delete(
        "/domains/{domain_name}/", scope=Scope.ADMIN, credentials=PEOPLE, status=204,
        answers={409: "Inboxes have addresses on it."},
    )  # fmt: skip
    async def remove_domain(self, caller: Caller, domain_name: str) -> None:
        """Give a domain up."""
        await self._services.domain_keeping.remove(caller, domain_name)


def _types() -> list[shapes.RecordType]:
    return [shapes.RecordType(type=kind, name=name, purpose=purpose) for kind, name, purpose in _TYPES]


def _fields(domain: Domain) -> dict[str, Any]:
    return {
        "domain_id": identifiers.encode(Kind.DOMAIN, domain.id),
        "domain": domain.name,
        "status": domain.status.value,
        "domain_use": domain.domain_use,
        "dmarc_policy": domain.dmarc_policy,
        "created_at": times.write(domain.created_at, None),
    }


def _record(record: Record) -> dict[str, Any]:
    return {
        "type": record.type,
        "name": record.name,
        "value": record.value,
        "priority": record.priority,
        "purpose": record.purpose,
        "optional": record.is_optional,
    }


def _shown(domain: Domain, found: list[Record]) -> shapes.DomainShown:
    rows = [shapes.RecordShown(**_record(one)) for one in found]
    return shapes.DomainShown(dns_records=rows, **_fields(domain))


def _checked(domain: Domain, found: list[Checked]) -> shapes.DomainChecked:
    rows = [
        shapes.RecordChecked(status=one.status.value, found=list(one.found), **_record(one.record)) for one in found
    ]
    return shapes.DomainChecked(dns_records=rows, **_fields(domain))
