"""Contacts of inboxes: one by one, and whole address books."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.contact import MOST_EACH, Anniversary, Card, Contact, Labelled
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.mail import address as addresses
from mailserver.mail import contact_table, vcard
from mailserver.mail.vcard import BadCard, Person
from mailserver.services.workspace import reach
from mailserver.storage import contacts
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_NAME = 300
LONGEST_NOTES = 20_000
LONGEST_LABEL = 50
LONGEST_PHONE = 60
AT_ONCE = 200  # contacts that one transaction imports
_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_DATE = re.compile(r"(\d{4}|-)-(\d\d)-(\d\d)")


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an address book."""

    imported: int
    skipped: int  # those whose address the inbox has already, and those that cannot be used


class Contacts:
    """Whom an inbox knows, through the caller's eyes."""

    def __init__(self, database: Database, ids: IdSource, executor: Executor) -> None:
        self._database = database
        self._ids = ids
        self._executor = executor

    async def create(self, inbox: Inbox, card: Card) -> Contact:
        """Make a contact."""
        checked = check(card)

        def write(tx: Transaction) -> Contact:
            reach.still_open(tx, inbox)
            return self.add(tx, inbox.tenant_id, inbox.id, checked)

        return await self._database.write(write)

    def add(self, tx: Transaction, tenant_id: int, inbox_id: int, card: Card) -> Contact:
        """Make a contact inside a transaction; Conflict where the inbox has as many as it may."""
        _refuse_more(tx, inbox_id, 1)
        return self._put(tx, tenant_id, inbox_id, card)

    def _put(self, tx: Transaction, tenant_id: int, inbox_id: int, card: Card) -> Contact:
        now = int(time.time() * 1000)
        made = Contact(self._ids.next(), tenant_id, inbox_id, card, now, now)
        contacts.put(tx, made)
        return made

    async def page(self, inbox: Inbox, text: str | None, position: int, limit: int) -> tuple[list[Contact], int]:
        """Contacts of an inbox, or those that have every word, newest first."""
        return await self._database.read(contacts.page, inbox.id, text, position, limit)

    async def get(self, caller: Caller, text: str, inbox: Inbox | None = None) -> Contact:
        """One contact."""
        return await self._database.read(one, caller, text, inbox)

    async def change(self, caller: Caller, text: str, card: Card, inbox: Inbox | None = None) -> Contact:
        """Write another card in the place of a contact's."""
        checked = check(card)

        def write(tx: Transaction) -> Contact:
            changed = replace(one(tx, caller, text, inbox), card=checked, updated_at=int(time.time() * 1000))
            contacts.put(tx, changed)
            return changed

        return await self._database.write(write)

    async def remove(self, caller: Caller, text: str, inbox: Inbox | None = None) -> None:
        """Delete a contact."""

        def write(tx: Transaction) -> None:
            contacts.remove(tx, one(tx, caller, text, inbox).id)

        await self._database.write(write)

    async def take_in(self, inbox: Inbox, text: str, kind: str) -> Imported:
        """Make contacts of an address book, `vcard` or `csv`; Invalid for what is neither.

        Those whose address the inbox has already are left as they are.
        """
        loop = asyncio.get_running_loop()
        people = await loop.run_in_executor(self._executor, _read_book, text, kind)
        cards = [card for person in people if (card := _card(person)) is not None]
        imported = 0
        for start in range(0, len(cards), AT_ONCE):
            imported += await self._database.write(self._take_in, inbox, cards[start : start + AT_ONCE])
        return Imported(imported, len(people) - imported)

    async def book(self, inbox: Inbox, kind: str) -> AsyncIterator[bytes]:
        """The address book of an inbox in parts, `vcard` or `csv`; nothing of it is held."""
        loop, after = asyncio.get_running_loop(), 0
        if kind == "csv":
            yield contact_table.header().encode()
        while found := await self._database.read(contacts.stretch, inbox.id, after, AT_ONCE):
            yield await loop.run_in_executor(self._executor, _write_book, found, kind)
            after = found[-1].id

    def _take_in(self, tx: Transaction, inbox: Inbox, cards: list[Card]) -> int:
        reach.still_open(tx, inbox)
        _refuse_more(tx, inbox.id, len(cards))
        imported = 0
        for card in cards:
            if not any(contacts.by_address(tx, inbox.id, each.value) for each in card.emails):
                self._put(tx, inbox.tenant_id, inbox.id, card)
                imported += 1
        return imported


def _refuse_more(tx: Transaction, inbox_id: int, number: int) -> None:
    if contacts.count(tx, inbox_id) + number > contacts.MOST:
        raise errors.Conflict(f"An inbox has {contacts.MOST:,} contacts at most.")


def one(snapshot: Snapshot, caller: Caller, text: str, inbox: Inbox | None = None) -> Contact:
    """A contact by its id; NotFound for what the caller may not see."""
    return reach.one(snapshot, contacts.get, Kind.CONTACT, caller, text, inbox.id if inbox else None)


def _read_book(text: str, kind: str) -> list[Person]:
    """The people of an address book, `vcard` or `csv`; Invalid for what is neither."""
    try:
        return vcard.read(text) if kind == "vcard" else contact_table.read(text)
    except BadCard as error:
        raise errors.Invalid("The address book cannot be read.", content=str(error)) from error


def write_card(contact: Contact) -> bytes:
    """A contact as a vCard."""
    return vcard.write(_person(contact))


def _write_book(some: list[Contact], kind: str) -> bytes:
    if kind == "csv":
        return contact_table.rows(map(_person, some)).encode()
    return b"".join(map(write_card, some))


def _person(contact: Contact) -> Person:
    card = contact.card
    return Person(
        card.full_name,
        tuple((each.value, each.label) for each in card.emails),
        tuple((each.value, each.label) for each in card.phones),
        card.notes,
        tuple((each.type, each.date) for each in card.anniversaries),
    )


def check(card: Card) -> Card:
    """A card whose every field can be used; Invalid otherwise."""
    for field, some in (("emails", card.emails), ("phones", card.phones), ("anniversaries", card.anniversaries)):
        if len(some) > MOST_EACH:
            raise errors.Invalid(f"A contact has {MOST_EACH} {field} at most.", **{field: f"At most {MOST_EACH}."})
    return Card(
        " ".join(reach.text(card.full_name, "full_name", LONGEST_NAME).split()),
        tuple(Labelled(_address(each.value), _label(each.label)) for each in card.emails),
        tuple(Labelled(reach.text(each.value, "phones", LONGEST_PHONE), _label(each.label)) for each in card.phones),
        reach.text(card.notes, "notes", LONGEST_NOTES) if card.notes and card.notes.strip() else None,
        tuple(_anniversary(each) for each in card.anniversaries),
    )


def _card(person: Person) -> Card | None:
    """A card of an address book, without those of its parts that cannot be used; None where nothing is left."""
    emails = [Labelled(value, label) for value, label in person.emails if _is_address(value)]
    days = [Anniversary(kind, day) for kind, day in person.days if _is_date(day) and _TYPE.fullmatch(kind)]
    phones = [Labelled(value[:LONGEST_PHONE], label) for value, label in person.phones]
    name, notes = person.full_name.replace("\0", "")[:LONGEST_NAME], (person.notes or "").replace("\0", "")
    card = Card(
        name, tuple(emails[:MOST_EACH]), tuple(phones[:MOST_EACH]), notes[:LONGEST_NOTES], tuple(days[:MOST_EACH])
    )
    try:
        return check(card)
    except errors.Invalid:
        return None


def _is_address(text: str) -> bool:
    try:
        addresses.parse(text)
    except addresses.AddressError:
        return False
    return True


def _address(text: str) -> str:
    try:
        return str(addresses.parse(text.strip()))
    except addresses.AddressError as error:
        raise errors.Invalid(f"{text[:100]!r} is not an address.", emails=str(error)) from error


def _label(text: str | None) -> str | None:
    return reach.text(text, "label", LONGEST_LABEL) if text and text.strip() else None


def _anniversary(one_day: Anniversary) -> Anniversary:
    kind = one_day.type.strip().lower()
    if not _TYPE.fullmatch(kind) or not _is_date(one_day.date):
        sentence = "A type such as birthday, and a date such as 1985-03-14 or --03-19."
        raise errors.Invalid("An anniversary cannot be used.", anniversaries=sentence)
    return Anniversary(kind, one_day.date)


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    try:
        date(2000 if found[1] == "-" else int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return False
    return True
