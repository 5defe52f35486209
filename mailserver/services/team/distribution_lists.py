"""Distribution lists: one address, a copy for every member."""

import time

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.distribution import DistributionList, ListMember
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.tenant import DomainStatus
from mailserver.services.accounts import inboxes as inbox_names
from mailserver.services.accounts.audit import Audit
from mailserver.services.team import ownership, teammates
from mailserver.storage import distribution_lists as lists
from mailserver.storage import inboxes, tenants
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_NAME = 200


class DistributionLists:
    """The lists of a team. Owners make and fill them; a member may send as the list too."""

    def __init__(self, database: Database, ids: IdSource, audit: Audit) -> None:
        self._database = database
        self._ids = ids
        self._audit = audit

    async def all(self, caller: Caller) -> list[DistributionList]:
        """The lists of the team, oldest first."""
        return await self._database.read(lists.of_tenant, caller.tenant_id)

    async def create(self, caller: Caller, address: str, name: str) -> DistributionList:
        """Make a list on a verified domain of the tenant; Conflict where the address is in use."""
        ownership.require(caller, "distribution lists")
        parsed = inbox_names.parse(address)
        made = DistributionList(
            self._ids.next(), caller.tenant_id, parsed.normal, _name(name), caller.user_id, int(time.time() * 1000)
        )

        def write(tx: Transaction) -> DistributionList:
            domain = tenants.domain(tx, parsed.domain)
            if domain is None or domain.tenant_id != caller.tenant_id or domain.status is not DomainStatus.VERIFIED:
                sentence = f"{parsed.domain} is not a verified domain of yours."
                raise errors.Invalid(sentence, address=sentence)
            if inboxes.is_taken(tx, parsed.normal):
                raise errors.Conflict(f"The address {parsed} is in use.", address="It is an inbox, an alias or a list.")
            if lists.count(tx, caller.tenant_id) >= lists.MOST:
                raise errors.Conflict(f"There are {lists.MOST:,} lists already; remove some first.")
            lists.add(tx, made)
            self._changed(tx, caller, "created", made)
            return made

        return await self._database.write(write)

    async def rename(self, caller: Caller, text: str, name: str | None) -> DistributionList:
        """Call a list something else."""
        ownership.require(caller, "distribution lists")

        def write(tx: Transaction) -> DistributionList:
            known = _one(tx, caller, text)
            if name is not None:
                lists.rename(tx, known.id, _name(name))
                self._changed(tx, caller, "changed", known)
            return _one(tx, caller, text)

        return await self._database.write(write)

    async def remove(self, caller: Caller, text: str) -> None:
        """Delete a list; mail to its address is refused from then on."""
        ownership.require(caller, "distribution lists")

        def write(tx: Transaction) -> None:
            known = _one(tx, caller, text)
            lists.remove(tx, known.id)
            self._changed(tx, caller, "deleted", known)

        await self._database.write(write)

    async def members(self, caller: Caller, text: str) -> list[ListMember]:
        """Who is on a list."""
        return await self._database.read(lambda snapshot: lists.members(snapshot, _one(snapshot, caller, text).id))

    async def add_member(self, caller: Caller, text: str, inbox: str) -> tuple[ListMember, bool]:
        """Put an inbox on a list; the member, and whether it was put there only now."""
        ownership.require(caller, "distribution lists")

        def write(tx: Transaction) -> tuple[ListMember, bool]:
            known, joining = _one(tx, caller, text), teammates.by_id(tx, caller, inbox)
            there = lists.member(tx, known.id, joining.id)
            if there is not None:
                return there, False
            if len(lists.members(tx, known.id)) >= lists.MOST_MEMBERS:
                raise errors.Conflict(f"A list has {lists.MOST_MEMBERS:,} members at most.")
            now = int(time.time() * 1000)
            made = ListMember(self._ids.next(), joining.id, joining.address, now)
            lists.add_member(tx, known.id, joining.id, made.id, now)
            self._changed(tx, caller, "member.added", known, joining.id)
            return made, True

        return await self._database.write(write)

    async def remove_member(self, caller: Caller, text: str, inbox: str) -> None:
        """Take an inbox off a list; one that is not on it is off already."""
        ownership.require(caller, "distribution lists")

        def write(tx: Transaction) -> None:
            known, leaving = _one(tx, caller, text), teammates.by_id(tx, caller, inbox)
            if lists.member(tx, known.id, leaving.id) is not None:
                lists.remove_member(tx, known.id, leaving.id)
                self._changed(tx, caller, "member.removed", known, leaving.id)

        await self._database.write(write)

    def _changed(
        self, tx: Transaction, caller: Caller, what: str, one: DistributionList, inbox_id: int | None = None
    ) -> None:
        tx.ring("accounts")  # whoever knows where addresses lead asks again
        list_id = identifiers.encode(Kind.DISTRIBUTION_LIST, one.id)
        self._audit.add(tx, caller, f"distribution_list.{what}", list_id, inbox_id, address=one.address)


def _one(snapshot: Snapshot, caller: Caller, text: str) -> DistributionList:
    try:
        found = lists.get(snapshot, identifiers.decode(Kind.DISTRIBUTION_LIST, text))
    except identifiers.BadIdentifier:
        found = None
    if found is None or found.tenant_id != caller.tenant_id:
        raise errors.NotFound("There is no such distribution list.")
    return found


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise errors.Invalid("The name cannot be used.", name=f"Between 1 and {LONGEST_NAME} printable characters.")
    return name
