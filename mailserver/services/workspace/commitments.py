"""What was promised to contacts, and by them."""

import time
from dataclasses import dataclass, replace

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.commitment import Commitment, CommitmentOwner, CommitmentStatus
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.mail import address as addresses
from mailserver.services.mailbox import resolve
from mailserver.services.workspace import contacts as contact_names
from mailserver.services.workspace import reach
from mailserver.storage import commitments, contacts
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_TEXT = 5_000


@dataclass(frozen=True, slots=True)
class Promise:
    """What is to be kept in mind; contact and thread by their ids."""

    text: str
    owner: CommitmentOwner
    contact: str | None = None
    address: str | None = None
    due_at: int | None = None
    thread: str | None = None


class Commitments:
    """Promises, through the caller's eyes."""

    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    async def create(self, caller: Caller, inbox: Inbox, promise: Promise) -> Commitment:
        """Keep a promise in mind; its contact is named, or known by the address."""
        text, now = reach.text(promise.text, "text", LONGEST_TEXT), int(time.time() * 1000)

        def write(tx: Transaction) -> Commitment:
            reach.still_open(tx, inbox)
            contact_id, address = _with(tx, caller, inbox, promise)
            thread_id = resolve.thread_id(tx, caller, promise.thread, inbox.id) if promise.thread is not None else None
            made = Commitment(
                self._ids.next(), inbox.tenant_id, inbox.id, contact_id, address, text, promise.owner,
                CommitmentStatus.OPEN, promise.due_at, thread_id, now, now,
            )  # fmt: skip
            commitments.add(tx, made)
            return made

        return await self._database.write(write)

    async def page(
        self, caller: Caller, inbox: Inbox, contact: str | None, status: CommitmentStatus | None, position: int,
        limit: int,
    ) -> tuple[list[Commitment], int]:  # fmt: skip
        """Commitments of an inbox or with one of its contacts, newest first."""

        def read(snapshot: Snapshot) -> tuple[list[Commitment], int]:
            contact_id = contact_names.one(snapshot, caller, contact, inbox).id if contact is not None else None
            return commitments.page(snapshot, inbox.id, contact_id, status, position, limit)

        return await self._database.read(read)

    async def change(
        self, caller: Caller, text: str, inbox: Inbox | None, wording: str | None, status: CommitmentStatus | None
    ) -> Commitment:
        """Say what became of a commitment, or word it otherwise."""

        def write(tx: Transaction) -> Commitment:
            known = reach.one(tx, commitments.get, Kind.COMMITMENT, caller, text, inbox.id if inbox else None)
            changed = replace(
                known,
                text=reach.text(wording, "text", LONGEST_TEXT) if wording is not None else known.text,
                status=status or known.status,
                updated_at=int(time.time() * 1000),
            )
            commitments.change(tx, changed)
            return changed

        return await self._database.write(write)


def _with(tx: Transaction, caller: Caller, inbox: Inbox, promise: Promise) -> tuple[int | None, str]:
    """Whom a promise is between: the contact, and the address."""
    address = promise.address
    if address is not None:
        try:
            address = str(addresses.parse(address.strip())).lower()
        except addresses.AddressError as error:
            raise errors.Invalid("The address cannot be used.", contact_address=str(error)) from error
    if promise.contact is not None:
        contact = contact_names.one(tx, caller, promise.contact, inbox)
        known = [each.value.lower() for each in contact.card.emails]
        if address is None and known:
            return contact.id, known[0]
        if address is not None and address in known:
            return contact.id, address
        raise errors.Invalid("The contact has no such address.", contact_address="Name an address of the contact.")
    if address is None:
        raise errors.Invalid("Say with whom.", contact_address="contact_id or contact_address is required.")
    return contacts.by_address(tx, inbox.id, address), address
