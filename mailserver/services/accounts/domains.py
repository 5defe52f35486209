"""Mail domains: their keys, and the DNS records that they need."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from mailserver.entities import errors
from mailserver.entities.identifiers import IdSource
from mailserver.entities.offer import Offer
from mailserver.entities.tenant import DkimKey, Domain, DomainStatus
from mailserver.mail import address, dkim_key, mtasts
from mailserver.mail.mtasts import Mode, Policy
from mailserver.services.accounts import records
from mailserver.services.accounts.keystore import KeyStore
from mailserver.services.accounts.records import Proof, Record
from mailserver.storage import tenants
from mailserver.storage.database import Database, Snapshot, Transaction

ALGORITHMS = (("rsa", dkim_key.RSA), ("ed", dkim_key.ED25519))
STS_PREFIX = "mta-sts."
STS_AGE_SECONDS = 604_800  # a week: RFC 8461 3.2 wants weeks, and a slip of the operator's is over in one
LONGEST_NAME = 253


class Domains:
    """Every domain of the installation.

    The MTA-STS mode is testing unless told otherwise: a server that has just been set up has a certificate that it
    signed itself, and in enforce mode every sender that keeps RFC 8461 would hold its mail back for that.
    """

    def __init__(
        self,
        database: Database,
        ids: IdSource,
        keystore: KeyStore,
        executor: Executor,
        hostname: str,
        sts_mode: Mode = Mode.TESTING,
        proof: Callable[[], Proof] = Proof,
        offers: Sequence[Offer] = (),
    ) -> None:
        self._database = database
        self._ids = ids
        self._keystore = keystore
        self._executor = executor
        self._hostname = hostname
        self._policy = Policy(sts_mode, (hostname,), STS_AGE_SECONDS)
        self._proof = proof
        self._offers = tuple(offers)

    async def add(self, tenant_id: int, text: str) -> Domain:
        """Take mail for a domain and sign for it; one that the tenant has already is left as it is."""
        name = parse(text)
        known = await self._database.read(tenants.domain, name)
        if known is not None:
            if known.tenant_id != tenant_id:
                raise errors.Conflict(f"The domain {name} belongs to somebody else here.")
            return known
        keys = await self.make_keys(name)
        return await self._database.write(self.insert, tenant_id, name, keys)

    async def make_keys(self, name: str) -> list[DkimKey]:
        """Make one key of each algorithm, with selectors of this month."""
        month = time.strftime("%Y%m", time.gmtime())
        loop = asyncio.get_running_loop()
        keys = []
        for prefix, algorithm in ALGORITHMS:
            selector = f"{prefix}{month}"
            public = await loop.run_in_executor(self._executor, self._keystore.make, name, selector, algorithm)
            keys.append(DkimKey(name, selector, algorithm, public, active=True))
        return keys

    def insert(self, tx: Transaction, tenant_id: int, name: str, keys: list[DkimKey]) -> Domain:
        """Insert a domain with the public halves of its keys, inside a transaction."""
        now = int(time.time() * 1000)
        domain = Domain(self._ids.next(), tenant_id, name, DomainStatus.VERIFIED, None, now)
        tenants.add_domain(tx, domain)
        for key in keys:
            tenants.add_key(tx, key, now)
        tx.ring("accounts")
        return domain

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What mail programs of every domain may be told to use."""
        return self._offers

    async def serves(self, name: str) -> bool:
        """Whether a domain is ours, whatever was typed."""
        if len(name) > LONGEST_NAME:
            return False
        return await self._database.read(tenants.domain, name.rstrip(".").lower()) is not None

    async def all(self, tenant_id: int | None = None) -> list[Domain]:
        """The domains of a tenant, or all."""
        return await self._database.read(tenants.domains, tenant_id)

    async def remove(self, text: str) -> None:
        """Stop taking mail for a domain; Conflict while inboxes have addresses on it."""
        name = parse(text)
        await self._database.write(_remove, name)

    async def records(self, text: str) -> list[Record]:
        """Everything to publish for a domain of ours."""
        return self.records_of(*await self.with_keys(text))

    async def with_keys(self, text: str) -> tuple[Domain, list[DkimKey]]:
        """A domain of ours with the public halves of its keys."""
        name = parse(text)
        found, keys = await self._database.read(_with_keys, name)
        if found is None:
            raise errors.NotFound(
                f"The domain {name} is not served here; `mailserver domain list` shows those that are."
            )
        return found, keys

    def records_of(self, domain: Domain, keys: list[DkimKey]) -> list[Record]:
        """Everything to publish for a domain."""
        return records.of_domain(
            domain.name, self._hostname, keys, self._policy, self._proof(), domain.dmarc_policy,
            domain.verify_token, self._offers,
        )  # fmt: skip

    async def published_policy(self, host: str) -> bytes | None:
        """The MTA-STS policy to serve at `mta-sts.<domain>`; None where the domain is none of ours."""
        name = host.partition(":")[0].rstrip(".").lower()
        if not name.startswith(STS_PREFIX) or len(name) > LONGEST_NAME:
            return None
        found = await self._database.read(tenants.domain, name.removeprefix(STS_PREFIX))
        return None if found is None else mtasts.write(self._policy)


def parse(text: str) -> str:
    """A domain name in its A-label form; Invalid otherwise."""
    try:
        name = address.parse_domain(text.strip().rstrip("."))
    except address.AddressError as error:
        raise errors.Invalid(f"{text!r} is not a domain name.", domain=str(error)) from error
    if name.startswith("[") or "." not in name:
        raise errors.Invalid(f"{text!r} is not a domain name with at least one dot.")
    return name


def _remove(tx: Transaction, name: str) -> None:
    if tenants.domain(tx, name) is None:
        return
    if tenants.inboxes_of_domain(tx, name):
        raise errors.Conflict(f"Inboxes have addresses on {name}; remove them first.")
    tenants.remove_domain(tx, name)
    tx.ring("accounts")


def _with_keys(snapshot: Snapshot, name: str) -> tuple[Domain | None, list[DkimKey]]:
    return tenants.domain(snapshot, name), tenants.keys(snapshot, name)
