"""What happened with a contact: one timeline an address, kept for two years."""

import re
import time
from dataclasses import replace
from typing import NoReturn

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.activity import Activity, ActivityType, NewActivity
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.mail import address as addresses
from mailserver.services.workspace import contacts as contact_names
from mailserver.storage import activity, contacts, relationships
from mailserver.storage.database import Database, Snapshot, Transaction

KEPT_MS = 2 * 365 * 86_400_000
AT_ONCE = 2_000  # rows that one transaction of the sweep deletes
LONGEST_SUMMARY = 500
MOST_PARTICIPANTS = 50
MOST_METADATA = 20
_CURSOR = re.compile(r"([0-9]{1,16})\.(\w{1,30})", re.ASCII)


class Timeline:
    """Timelines of addresses, through the caller's eyes, and the way into them."""

    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    def add(self, tx: Transaction, tenant_id: int, inbox_id: int, new: NewActivity) -> bool:
        """Make an entry inside a transaction; False where there is one of its key already.

        A message also counts for the relationship. Texts that are too long are cut: nobody is there to be told.
        """
        known = replace(
            new,
            address=normal(new.address),
            summary=" ".join(new.summary.split())[:LONGEST_SUMMARY],
            participants=new.participants[:MOST_PARTICIPANTS],
            metadata=dict(list(new.metadata.items())[:MOST_METADATA]),
        )
        if not activity.add(tx, self._ids.next(), tenant_id, inbox_id, known):
            return False
        if known.type in (ActivityType.MESSAGE_SENT, ActivityType.MESSAGE_RECEIVED):
            is_ours = known.type is ActivityType.MESSAGE_SENT
            relationships.count(tx, inbox_id, known.address, known.occurred_at, outbound=is_ours)
        return True

    def introduce(self, tx: Transaction, inbox_id: int, address: str, at: int) -> None:
        """Let an address stand in the graph of an inbox before there is any mail with it."""
        relationships.seed(tx, inbox_id, normal(address), at)

    async def page(
        self, caller: Caller, inbox: Inbox, contact: str | None, address: str | None, since: int | None,
        cursor: str | None, limit: int,
    ) -> tuple[list[tuple[Activity, int | None]], str | None]:  # fmt: skip
        """Entries with the contact that each is about, newest first, and the cursor of the next page."""
        if (contact is None) == (address is None):
            sentence = "Either contact_id or address."
            raise errors.Invalid("Say with whom.", contact_id=sentence, address=sentence)
        behind = _read(cursor)

        def read(snapshot: Snapshot) -> list[tuple[Activity, int | None]]:
            if contact is not None:
                found = contact_names.one(snapshot, caller, contact, inbox)
                named = sorted({normal(each.value) for each in found.card.emails})
                contact_id: int | None = found.id
            else:
                named = [normal(address or "")]
                contact_id = contacts.by_address(snapshot, inbox.id, named[0])
            return [(one, contact_id) for one in activity.page(snapshot, inbox.id, named, since, behind, limit)]

        found = await self._database.read(read)
        last = found[-1][0] if len(found) == limit else None
        return found, _write(last) if last is not None else None

    async def sweep(self) -> int:
        """Forget what is older than is kept; how many rows."""
        before, gone = int(time.time() * 1000) - KEPT_MS, 0
        for expire in (activity.expire, relationships.expire):
            while True:
                number = await self._database.write(expire, before, AT_ONCE)
                gone += number
                if number < AT_ONCE:
                    break
        return gone


def normal(text: str) -> str:
    """The form in which addresses are compared; what is no address is only put in lower case."""
    try:
        return addresses.parse(text.strip()).normal
    except addresses.AddressError:
        return text.strip().lower()


def _write(one: Activity) -> str:
    return f"{one.occurred_at}.{identifiers.encode(Kind.EVENT, one.id)}"


def _read(cursor: str | None) -> tuple[int, int] | None:
    if cursor is None:
        return None
    found = _CURSOR.fullmatch(cursor)
    try:
        return (int(found[1]), identifiers.decode(Kind.EVENT, found[2])) if found else _refuse()
    except identifiers.BadIdentifier:
        return _refuse()


def _refuse() -> NoReturn:
    raise errors.Invalid("The cursor is none of ours.", cursor="The cursor is none of ours.")
