"""Contact cards that one inbox offers another, or asks another for."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.contact import Contact
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.share import Share, ShareStatus, ShareType
from mailserver.entities.task import NewTask, TaskSource
from mailserver.mail import address as addresses
from mailserver.services.team import teammates
from mailserver.services.team.copying import Copying
from mailserver.services.workspace import contacts as contact_names
from mailserver.services.workspace import reach
from mailserver.services.workspace.tasks import Tasks
from mailserver.storage import contacts, inboxes, shares
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_NOTE = 5_000
MOST_LABELS = 20
PENDING_MS = 30 * 86_400_000
RESOLVED_MS = 7 * 86_400_000
EXPIRED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Wish:
    """What is offered or asked for: `contact` is an id of the offerer's, `address` and the rest belong to a request."""

    type: ShareType
    to: str
    contact: str | None = None
    address: str | None = None
    note: str | None = None
    labels: tuple[str, ...] = ()


class Shares:
    """Shares, through the caller's eyes."""

    def __init__(self, database: Database, ids: IdSource, tasks: Tasks, copying: Copying) -> None:
        self._database = database
        self._ids = ids
        self._tasks = tasks
        self._copying = copying

    async def pending(self, inbox: Inbox) -> list[Share]:
        """What waits for an inbox, oldest first."""
        return await self._database.read(shares.pending, inbox.id, _now() - PENDING_MS)

    async def create(self, caller: Caller, inbox: Inbox, wish: Wish) -> Share:
        """Offer a card of the inbox, or ask for one; whoever it waits for gets an event and a task."""
        note = reach.text(wish.note, "note", LONGEST_NOTE) if wish.note and wish.note.strip() else None
        if len(wish.labels) > MOST_LABELS:
            raise errors.Invalid("Too many labels.", labels=f"At most {MOST_LABELS}.")
        labels = tuple(" ".join(reach.text(each, "labels", 100).split()) for each in wish.labels)

        def write(tx: Transaction) -> Share:
            reach.still_open(tx, inbox)
            to = teammates.by_id(tx, caller, wish.to)
            if to.id == inbox.id:
                raise errors.Invalid("A share goes to another inbox.", to_inbox_id="It is the inbox itself.")
            if len(shares.pending(tx, to.id, _now() - PENDING_MS)) >= shares.MOST_PENDING:
                raise errors.Conflict("Too much waits for this inbox already.")
            contact, address = _about(tx, caller, inbox, wish)
            made = Share(
                self._ids.next(), inbox.tenant_id, wish.type, ShareStatus.PENDING, inbox.id, to.id,
                contact.id if contact else None, address, note, labels, _now(), None,
            )  # fmt: skip
            shares.add(tx, made)
            self._tell(tx, made, inbox, to)
            return made

        return await self._database.write(write)

    async def accept(self, caller: Caller, text: str, inbox: Inbox | None) -> Share:
        """Copy the card to where it is to go; Conflict where it is not there, or the share was answered."""

        def write(tx: Transaction) -> Share:
            share = _waiting(tx, caller, text, inbox)
            giver, taker = inboxes.get(tx, share.giver_inbox_id), inboxes.get(tx, share.taker_inbox_id)
            if giver is None or taker is None:
                raise errors.NotFound("There is no such share.")
            self._copying.copy(tx, _card(tx, share), taker, share.labels)
            return _resolved(tx, share, ShareStatus.ACCEPTED)

        return await self._database.write(write)

    async def decline(self, caller: Caller, text: str, inbox: Inbox | None) -> Share:
        """Say no; nothing is copied."""

        def write(tx: Transaction) -> Share:
            return _resolved(tx, _waiting(tx, caller, text, inbox), ShareStatus.DECLINED)

        return await self._database.write(write)

    async def expire_pending(self) -> int:
        """Delete shares that nobody answered in time; how many."""
        return await self._expire(shares.expire_pending, PENDING_MS)

    async def expire_resolved(self) -> int:
        """Delete shares that were answered long ago; how many."""
        return await self._expire(shares.expire_resolved, RESOLVED_MS)

    async def _expire(self, expire: Callable[[Transaction, int, int], int], kept_ms: int) -> int:
        before, total = _now() - kept_ms, 0
        while gone := await self._database.write(expire, before, EXPIRED_AT_ONCE):
            total += gone
        return total

    def _tell(self, tx: Transaction, share: Share, by: Inbox, to: Inbox) -> None:
        offers = share.type is ShareType.OFFER
        said = "offers you the contact" if offers else "asks you for the contact"
        task = NewTask(
            f"{by.address} {said} {share.contact_address}", TaskSource.SHARE, share.note, share_id=share.id,
            created_by_inbox_id=by.id,
        )  # fmt: skip
        self._tasks.add(tx, to.id, task)
        body = {
            "share_id": identifiers.encode(Kind.SHARE, share.id),
            "share_type": share.type.value,
            "from_inbox_id": identifiers.encode(Kind.INBOX, by.id),
            "contact_address": share.contact_address,
        }
        kind = EventType.CONTACT_SHARE_RECEIVED
        tx.publish(Event(self._ids.next(), to.tenant_id, to.id, kind, share.created_at, body))


def _about(tx: Transaction, caller: Caller, inbox: Inbox, wish: Wish) -> tuple[Contact | None, str]:
    """The card that is offered, and the address that the share is about."""
    if wish.type is ShareType.OFFER:
        if wish.contact is None:
            raise errors.Invalid("Say which contact is offered.", contact_id="Required for an offer.")
        contact = contact_names.one(tx, caller, wish.contact, inbox)
        if not contact.card.emails:
            raise errors.Invalid("The contact has no address.", contact_id="Give the contact an address first.")
        return contact, contact.card.emails[0].value.lower()
    if wish.address is None:
        raise errors.Invalid("Say whose contact is wanted.", contact_address="Required for a request.")
    try:
        return None, str(addresses.parse(wish.address.strip())).lower()
    except addresses.AddressError as error:
        raise errors.Invalid("The address cannot be used.", contact_address=str(error)) from error


def _waiting(tx: Transaction, caller: Caller, text: str, inbox: Inbox | None) -> Share:
    """A share that waits for the caller's answer."""
    try:
        found = shares.get(tx, identifiers.decode(Kind.SHARE, text))
    except identifiers.BadIdentifier:
        found = None
    if (
        found is None
        or found.tenant_id != caller.tenant_id
        or caller.inbox_id not in (None, found.to_inbox_id)
        or (inbox is not None and inbox.id != found.to_inbox_id)
        or found.created_at < _now() - PENDING_MS
    ):
        raise errors.NotFound("There is no such share.")
    if found.status is not ShareStatus.PENDING:
        raise errors.Conflict(f"The share was {found.status.value} already.")
    return found


def _card(snapshot: Snapshot, share: Share) -> Contact:
    contact_id = share.contact_id
    if share.type is ShareType.REQUEST:
        contact_id = contacts.by_address(snapshot, share.giver_inbox_id, share.contact_address)
    found = contacts.get(snapshot, contact_id) if contact_id is not None else None
    if found is None or found.inbox_id != share.giver_inbox_id:
        raise errors.Conflict(f"The address book has no card of {share.contact_address}.")
    return found


def _resolved(tx: Transaction, share: Share, status: ShareStatus) -> Share:
    now = _now()
    shares.resolve(tx, share.id, status, now)
    return replace(share, status=status, resolved_at=now)


def _now() -> int:
    return int(time.time() * 1000)
