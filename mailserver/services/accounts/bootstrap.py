"""The first tenant with everything that it needs, in one step that may be repeated."""

import time
from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.entities.tenant import Domain, Tenant, User, UserRole
from mailserver.services.accounts import domains as domain_names
from mailserver.services.accounts import inboxes as inbox_addresses
from mailserver.services.accounts.access import Access
from mailserver.services.accounts.domains import Domains
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.accounts.secrets import PasswordHasher
from mailserver.storage import credentials, inboxes, tenants
from mailserver.storage.database import Database, Snapshot, Transaction


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """What stands now; tokens are there only in the run that made them."""

    tenant: Tenant
    owner: User
    domain: Domain
    inbox: Inbox
    agent_token: str | None = None
    session_token: str | None = None
    api_key: str | None = None


class Bootstrap:
    """Makes tenant, owner, domain with keys, inbox and tokens."""

    def __init__(
        self,
        database: Database,
        ids: IdSource,
        access: Access,
        domains: Domains,
        inbox_service: Inboxes,
        hasher: PasswordHasher,
    ) -> None:
        self._database = database
        self._ids = ids
        self._access = access
        self._domains = domains
        self._inboxes = inbox_service
        self._hasher = hasher

    async def run(self, domain: str, address: str, password: str, tenant_id: int | None = None) -> Bootstrapped:
        """Make what is missing. A known domain changes nothing; a new one makes a tenant unless one is named."""
        name = domain_names.parse(domain)
        parsed = inbox_addresses.parse(address)
        if parsed.domain != name:
            raise errors.Invalid(f"The address {address} is not on the domain {name}.")
        known = await self._database.read(_known, name)
        if known is not None:
            if known.inbox.address == parsed.normal and not await self._database.read(_has_password, known.inbox.id):
                await self._access.set_password(known.inbox.id, password)  # an earlier run was killed before it did
            return known
        hashed, _ = await self._hasher.hash(password)
        keys = await self._domains.make_keys(name)

        def create(tx: Transaction) -> Bootstrapped:
            now = int(time.time() * 1000)
            tenant = tenants.get(tx, tenant_id) if tenant_id is not None else Tenant(self._ids.next(), name, now)
            if tenant is None:
                raise errors.NotFound("There is no such tenant.")
            owner = tenants.owner(tx, tenant.id)
            if owner is None:
                owner = User(self._ids.next(), tenant.id, parsed.normal, UserRole.OWNER)
                if tenant_id is None:
                    tenants.add(tx, tenant)
                tenants.add_member(tx, owner, hashed, now)
            made = self._domains.insert(tx, tenant.id, name, keys)
            return Bootstrapped(tenant, owner, made, self._inboxes.insert(tx, parsed, None))

        made = await self._database.write(create)
        await self._access.set_password(made.inbox.id, password)
        _, agent = await self._access.create_token(made.tenant.id, "agent", "bootstrap", inbox_id=made.inbox.id)
        _, session = await self._access.create_token(made.tenant.id, "session", "bootstrap", user_id=made.owner.id)
        _, api_key = await self._access.create_token(made.tenant.id, "api_key", "bootstrap")
        return Bootstrapped(made.tenant, made.owner, made.domain, made.inbox, agent, session, api_key)


def _has_password(snapshot: Snapshot, inbox_id: int) -> bool:
    return bool(credentials.passwords(snapshot, inbox_id))


def _known(snapshot: Snapshot, name: str) -> Bootstrapped | None:
    domain = tenants.domain(snapshot, name)
    if domain is None:
        return None
    tenant = tenants.get(snapshot, domain.tenant_id)
    owner = tenants.owner(snapshot, domain.tenant_id)
    inbox = inboxes.first_of_tenant(snapshot, domain.tenant_id)
    if tenant is None or owner is None or inbox is None:
        raise errors.Conflict(f"The domain {name} stands, but not as bootstrap makes it; use the other commands.")
    return Bootstrapped(tenant, owner, domain, inbox)
