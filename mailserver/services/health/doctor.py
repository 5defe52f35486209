"""Look at everything, or at some of it: for the operator at once, for owners no more than once a minute."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from mailserver.entities import errors, health
from mailserver.entities.access import Caller
from mailserver.entities.health import Finding, Status
from mailserver.entities.tenant import Domain
from mailserver.memory import Memory
from mailserver.services.accounts.domains import Domains
from mailserver.services.health.examination import Check, Examination
from mailserver.services.health.themes import Themes
from mailserver.storage import health as rows
from mailserver.storage.database import Database

DNS = ("host", "dns", "spf", "dkim", "mta-sts")  # what is to be published, and whether it is
KEPT_SECONDS = 60.0
MOST_TENANTS = 1_000  # whose reports are remembered
MOST_DOMAINS = 20  # of a tenant that are looked at for it
REPORT_SECONDS = 30.0  # for everything that is looked at for it
AT_ONCE = 4
MOST_AT_ALL = 200  # that are looked at for the operator
_COSTLY = ("outbound", "database")  # not for whoever asks by HTTP


@dataclass(frozen=True, slots=True)
class Wish:
    """What to look at: all, where nothing is said."""

    domain: str | None = None
    only: tuple[str, ...] = ()
    outbound: str | None = None  # a mail server to connect to
    is_offline: bool = False  # nothing is asked of the network


@dataclass(frozen=True, slots=True)
class Report:
    """What was found for a tenant. `with_server` where its owners run the machine."""

    checked_at: int
    with_server: bool
    findings: tuple[Finding, ...]

    @property
    def status(self) -> Status:
        """The gravest finding."""
        return health.worst(self.findings)


class Doctor:
    """One for the process."""

    def __init__(
        self, database: Database, domains: Domains, themes: Themes, operator: str, now: Callable[[], int]
    ) -> None:
        self._database = database
        self._domains = domains
        self._themes = themes
        self._operator = operator
        self._now = now
        self._examination = Examination()
        self._reports: Memory[int, Report] = Memory(KEPT_SECONDS, MOST_TENANTS, time.monotonic)
        self._asking: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def examine(self, wish: Wish) -> list[Finding]:
        """What the operator wants to know; NotFound for a domain that is none of ours."""
        if wish.domain is not None:
            domain, _ = await self._domains.with_keys(wish.domain)
            domains = [domain]
        else:
            domains = await self._domains.all()
        checks = [*self._machine(wish.outbound, domains), *self._of_domains(domains[:MOST_AT_ALL])]
        checks += [Check("webhooks", lambda: self._themes.waiting.webhooks(None))]
        found = await self._examination.run(_chosen(checks, wish))
        if len(domains) > MOST_AT_ALL:
            found.append(_left_out(len(domains) - MOST_AT_ALL))
        return [each for each in found if not wish.only or any(each.is_of(name) for name in wish.only)]

    async def report(self, caller: Caller) -> Report:
        """What concerns a tenant's owner: its domains, and the machine where it is theirs to mend."""
        if not caller.is_owner:
            raise errors.Forbidden("Only an owner sees how the server is.")
        lock = self._asking.setdefault(caller.tenant_id, asyncio.Lock())
        async with lock:
            known = self._reports.get(caller.tenant_id)
            if known is None:
                known = await self._report(caller)
                self._reports.put(caller.tenant_id, known)
        return known

    async def _report(self, caller: Caller) -> Report:
        domains = await self._domains.all(caller.tenant_id)
        runs_it = await self._runs_the_machine(caller.tenant_id)
        checks = self._of_domains(domains[:MOST_DOMAINS])
        checks.append(Check("webhooks", lambda: self._themes.waiting.webhooks(caller.tenant_id)))
        if runs_it:
            machine = [each for each in self._machine(None, domains) if each.name not in _COSTLY]
            checks = [*machine, *checks]
        found = await Examination(AT_ONCE).run(checks, REPORT_SECONDS)  # of its own: nobody waits for another's DNS
        if len(domains) > MOST_DOMAINS:
            found.append(_left_out(len(domains) - MOST_DOMAINS))
        return Report(self._now(), runs_it, tuple(found))

    async def _runs_the_machine(self, tenant_id: int) -> bool:
        """Whether the tenant's owners are the operator: as it is set, else where nobody else is here."""
        if not self._operator:
            return await self._database.read(rows.is_only_tenant)
        return any(domain.name == self._operator for domain in await self._domains.all(tenant_id))

    def _machine(self, outbound: str | None, domains: Sequence[Domain]) -> list[Check]:
        themes = self._themes
        names = tuple(domain.name for domain in domains)
        return [
            Check("server", themes.process.look),
            Check("host", themes.host.look, asks_network=True),
            Check("ports", themes.ports.inward, asks_network=True, seconds=60),
            Check("ports.http", themes.ports.web, asks_network=True),
            Check("outbound", lambda: themes.ports.outward(outbound, names), asks_network=True, seconds=60),
            Check("certificate", themes.certificate.look),
            Check("lists", themes.lists.look, asks_network=True),
            Check("resolver", themes.resolving.look, asks_network=True),
            Check("disk", themes.disk.look),
            Check("clock", themes.clock.look),
            Check("queue", themes.waiting.queued),
            Check("journal", themes.waiting.journal),
            Check("database", themes.keeping.database),
            Check("database.size", themes.keeping.size),
            Check("files", themes.keeping.files),
            Check("permissions", themes.permissions.look),
            Check("backup", themes.backups.look),
        ]

    def _of_domains(self, domains: Sequence[Domain]) -> list[Check]:
        return [check for domain in domains for check in self._of_domain(domain.name)]

    def _of_domain(self, name: str) -> list[Check]:
        themes = self._themes

        async def published() -> list[Finding]:
            return await themes.records.look(name, await self._domains.records(name))

        async def keys() -> list[Finding]:
            _, there = await self._domains.with_keys(name)
            return await themes.keys.look(name, there)

        return [
            Check("dns", published, name, asks_network=True),
            Check("spf", lambda: themes.policy.look(name), name, asks_network=True),
            Check("dkim", keys, name),
            Check("mta-sts", lambda: themes.sts.look(name), name, asks_network=True),
        ]


def _chosen(checks: list[Check], wish: Wish) -> list[Check]:
    return [each for each in checks if each.is_wanted(wish.only) and not (wish.is_offline and each.asks_network)]


def _left_out(count: int) -> Finding:
    return Finding(
        "dns", Status.SKIPPED, f"{count:,} further domains were not looked at.", "Each is a dozen questions to DNS.",
        "Look at one: mailserver doctor DOMAIN, or GET /v1/domains/{domain_name}/check/",
    )  # fmt: skip
