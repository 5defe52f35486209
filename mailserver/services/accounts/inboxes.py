"""Inboxes and aliases."""

import time

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.calendar import FIRST_CALENDARS, Calendar
from mailserver.entities.folder import FIRST_FOLDERS
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.tenant import DomainStatus
from mailserver.mail import address as addresses
from mailserver.mail.address import Address
from mailserver.storage import calendars, inboxes, tenants
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_NAME = 200


class Inboxes:
    """Every inbox of the installation; `of` is the check that every path to mail passes."""

    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    async def of(self, caller: Caller, wanted: str | None) -> Inbox:
        """The inbox that a caller means: its own where the credential is bound to one, else by id or address.

        NotFound for what is not there and for what is somebody else's, without a difference.
        """
        inbox = await self._database.read(_wanted, caller, wanted)
        if inbox is None:
            raise errors.NotFound("There is no such inbox.")
        return inbox

    async def at(self, text: str) -> Inbox:
        """The inbox of an address, for the operator; NotFound where there is none."""
        inbox = await self._database.read(inboxes.by_address, parse(text).normal)
        if inbox is None:
            raise errors.NotFound(f"There is no inbox {text}; make it with: mailserver inbox add {text}")
        return inbox

    async def all_of(self, caller: Caller) -> list[Inbox]:
        """The inboxes that a caller may look into."""
        found = await self._database.read(inboxes.of_tenant, caller.tenant_id)
        return [inbox for inbox in found if caller.sees(inbox)]

    async def add(self, text: str, display_name: str | None = None) -> Inbox:
        """Make an inbox on a domain of ours; one that is there already is left as it is."""
        if display_name is not None and not (display_name.isprintable() and len(display_name) <= LONGEST_NAME):
            sentence = f"A name has at most {LONGEST_NAME} printable characters."
            raise errors.Invalid(sentence, display_name=sentence)
        return await self._database.write(self.insert, parse(text), display_name)

    def insert(self, tx: Transaction, address: Address, display_name: str | None, pod_id: int | None = None) -> Inbox:
        """Insert an inbox with its folders, inside a transaction; without a pod, in that of its domain."""
        known = inboxes.by_address(tx, address.normal)
        if known is not None:
            return known
        domain = tenants.domain(tx, address.domain)
        if domain is None:
            raise errors.NotFound(
                f"The domain {address.domain} is not served here; add it first: mailserver domain add."
            )
        if inboxes.is_taken(tx, address.normal):
            raise errors.Conflict(f"The address {address} is an alias or a list.")
        now = int(time.time() * 1000)
        if domain.status is not DomainStatus.VERIFIED:
            raise errors.Conflict(f"The domain {address.domain} is not verified yet.")
        inbox = Inbox(
            self._ids.next(), domain.tenant_id, address.normal, display_name, "active", None, 0, 0, 0, now,
            pod_id=pod_id or domain.pod_id,
        )  # fmt: skip
        inboxes.add(tx, inbox, tuple(self._ids.next() for _ in FIRST_FOLDERS))
        for kind, name in FIRST_CALENDARS:
            calendars.add(tx, Calendar(self._ids.next(), inbox.tenant_id, inbox.id, name, kind, True, 1, now))
        tx.ring("accounts")
        return inbox

    async def add_alias(self, inbox: Inbox, text: str) -> None:
        """Let a further address of the tenant's domains lead to an inbox."""
        await self._database.write(_add_alias, inbox, parse(text))

    async def addresses(self, inbox: Inbox) -> frozenset[str]:
        """Every address that an inbox may send as, in normal form."""
        return frozenset({inbox.address, *await self._database.read(inboxes.aliases, inbox.id)})


def parse(text: str) -> Address:
    """An address; Invalid otherwise."""
    try:
        return addresses.parse(text.strip())
    except addresses.AddressError as error:
        raise errors.Invalid(f"{text!r} is not an address. {error}", address=str(error)) from error


def _wanted(snapshot: Snapshot, caller: Caller, wanted: str | None) -> Inbox | None:
    if wanted is None:
        if caller.inbox_id is not None:
            found = inboxes.get(snapshot, caller.inbox_id)
        else:
            every = [each for each in inboxes.of_tenant(snapshot, caller.tenant_id) if caller.sees(each)]
            if len(every) > 1:
                raise errors.Invalid("Say which inbox is meant.", inbox_id="Required with this kind of login.")
            found = every[0] if every else None
    else:
        found = _by_id_or_address(snapshot, wanted)
    return found if found is not None and caller.sees(found) else None


def _by_id_or_address(snapshot: Snapshot, wanted: str) -> Inbox | None:
    if "@" in wanted:
        try:
            return inboxes.by_address(snapshot, addresses.parse(wanted).normal)
        except addresses.AddressError:
            return None
    try:
        return inboxes.get(snapshot, identifiers.decode(Kind.INBOX, wanted))
    except identifiers.BadIdentifier:
        return None


def _add_alias(tx: Transaction, inbox: Inbox, address: Address) -> None:
    domain = tenants.served(tx, address.domain)
    if domain is None or domain.tenant_id != inbox.tenant_id:
        raise errors.NotFound(f"The domain {address.domain} is not one of the tenant's.")
    if inboxes.is_taken(tx, address.normal):
        if [destination.inbox_id for destination in inboxes.exact(tx, address.normal)] == [inbox.id]:
            return
        raise errors.Conflict(f"The address {address} is taken.")
    inboxes.add_alias(tx, address.normal, inbox.tenant_id, inbox.id, int(time.time() * 1000))
    tx.ring("accounts")
