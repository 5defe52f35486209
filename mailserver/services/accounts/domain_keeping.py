"""Domains of a tenant: claimed, shown to be theirs, checked and given up by its owners."""

import secrets
import time

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.tenant import DkimKey, Domain, DomainStatus
from mailserver.mail.resolver import LookupFailed
from mailserver.services.accounts import domains as domain_names
from mailserver.services.accounts import records
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.domain_checks import Checked, DomainChecks
from mailserver.services.accounts.domains import Domains
from mailserver.services.accounts.records import Record
from mailserver.services.accounts.tally import Tally
from mailserver.storage import pods, tenants
from mailserver.storage.database import Database, Snapshot, Transaction

MOST = 1_000  # of one tenant
MOST_CHECKS = 60  # of one tenant, in a quarter of an hour
CHECKS_SECONDS = 900.0
CLAIM_MS = 7 * 86_400_000  # for which a claim that was not shown to be true keeps others out
TOKEN_BYTES = 20


class DomainKeeping:
    """What owners do with domains. A claimed one takes no mail until it is verified."""

    def __init__(self, database: Database, ids: IdSource, domains: Domains, checks: DomainChecks, audit: Audit) -> None:
        self._database = database
        self._ids = ids
        self._domains = domains
        self._checks = checks
        self._audit = audit
        self._asked = Tally(CHECKS_SECONDS, time.monotonic)

    async def create(self, caller: Caller, text: str, use: str, policy: str) -> tuple[Domain, list[Record]]:
        """Claim a domain; what to publish for it. Conflict where it is there already."""
        name = domain_names.parse(text)
        await self._database.read(self._refuse_taken, caller, name)
        keys = await self._domains.make_keys(name)
        now = int(time.time() * 1000)
        domain = Domain(
            self._ids.next(), caller.tenant_id, name, DomainStatus.PENDING, None, now,
            secrets.token_hex(TOKEN_BYTES), use, policy, caller.pod_id or caller.tenant_id,
        )  # fmt: skip

        def insert(tx: Transaction) -> None:
            if pods.get(tx, domain.pod_id) is None:
                raise errors.NotFound("There is no such pod.")
            if self._refuse_taken(tx, caller, name):
                tenants.remove_domain(tx, name)
            tenants.add_domain(tx, domain)
            for key in keys:
                tenants.add_key(tx, key, now)
            tx.ring("accounts")
            self._audit.add(tx, caller, "domain.created", _id(domain), domain=name)

        await self._database.write(insert)
        return domain, self._domains.records_of(domain, keys)

    async def all(self, caller: Caller) -> list[Domain]:
        """The domains of the tenant, or of the caller's pod, by name."""
        return await self._database.read(tenants.domains, caller.tenant_id, caller.pod_id)

    async def get(self, caller: Caller, text: str) -> tuple[Domain, list[Record]]:
        """A domain of the tenant with what to publish for it."""
        domain, keys = await self._database.read(_find, caller, text)
        return domain, self._domains.records_of(domain, keys)

    async def check(self, caller: Caller, text: str) -> tuple[Domain, list[Checked]]:
        """How each record of a domain stands in DNS."""
        self._count(caller)
        return await self.standing(caller, text)

    async def standing(self, caller: Caller, text: str) -> tuple[Domain, list[Checked]]:
        """The same for what the server does by itself, which uses up nobody's questions."""
        domain, found = await self.get(caller, text)
        return domain, await self._checks.all(found)

    async def verify(self, caller: Caller, text: str) -> tuple[Domain, list[Checked]]:
        """Take mail for a domain from now on, where DNS shows that it is the tenant's."""
        self._count(caller)
        domain, _ = await self.get(caller, text)
        if domain.status is DomainStatus.PENDING:
            try:
                is_shown = await self._checks.has_text(
                    f"{records.VERIFY_LABEL}.{domain.name}", records.verify_value(domain.verify_token)
                )
            except LookupFailed as error:
                raise errors.Temporary("DNS gave no answer; try again later.") from error
            if is_shown:

                def write(tx: Transaction) -> None:
                    known, _ = _find(tx, caller, text)
                    if known.verify_token != domain.verify_token:
                        raise errors.Conflict("The domain was claimed again meanwhile.")
                    tenants.verify(tx, domain.name)
                    tx.ring("accounts")
                    self._audit.add(tx, caller, "domain.verified", _id(domain), domain=domain.name)
                    body = {"domain_id": _id(domain), "domain": domain.name}
                    now = int(time.time() * 1000)
                    told = Event(self._ids.next(), domain.tenant_id, 0, EventType.DOMAIN_VERIFIED, now, body)
                    tx.publish(told)

                await self._database.write(write)
        domain, found = await self.get(caller, text)
        return domain, await self._checks.all(found)

    async def remove(self, caller: Caller, text: str) -> None:
        """Give a domain up; Conflict while inboxes have addresses on it."""

        def write(tx: Transaction) -> None:
            domain, _ = _find(tx, caller, text)
            if tenants.inboxes_of_domain(tx, domain.name):
                raise errors.NotEmpty(f"Inboxes have addresses on {domain.name}; remove them first.")
            tenants.remove_domain(tx, domain.name)
            tx.ring("accounts")
            self._audit.add(tx, caller, "domain.removed", _id(domain), domain=domain.name)

        await self._database.write(write)

    def _count(self, caller: Caller) -> None:
        if self._asked.add(caller.tenant_id) > MOST_CHECKS:
            raise errors.TooMany

    def _refuse_taken(self, snapshot: Snapshot, caller: Caller, name: str) -> bool:
        """Whether somebody's old claim, never shown to be true, stands in the way of another."""
        if len(tenants.domains(snapshot, caller.tenant_id)) >= MOST:
            raise errors.Conflict(f"There are {MOST:,} domains already.")
        known = tenants.domain(snapshot, name)
        if known is None:
            return False
        is_old_claim = known.status is DomainStatus.PENDING and known.created_at + CLAIM_MS < time.time() * 1000
        if known.tenant_id == caller.tenant_id or not is_old_claim:
            raise errors.Conflict(f"The domain {name} is here already.")
        return True


def _find(snapshot: Snapshot, caller: Caller, text: str) -> tuple[Domain, list[DkimKey]]:
    try:
        name = domain_names.parse(text)
    except errors.Invalid as error:
        raise errors.NotFound("There is no such domain.") from error
    if text.isascii() and text.lower() != name:  # a dot or a blank more is another path
        raise errors.NotFound("There is no such domain.")
    found = tenants.domain(snapshot, name)
    if found is None or found.tenant_id != caller.tenant_id or caller.pod_id not in (None, found.pod_id):
        raise errors.NotFound("There is no such domain.")
    return found, tenants.keys(snapshot, name)


def _id(domain: Domain) -> str:
    return identifiers.encode(Kind.DOMAIN, domain.id)
