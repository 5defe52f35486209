"""A contact card goes from one address book of the team into another."""

import time
from dataclasses import replace
from typing import Protocol

from mailserver.entities import label as label_names
from mailserver.entities.contact import MOST_EACH, Card, Contact, Labelled
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import Label, LabelType
from mailserver.services.workspace.contacts import Contacts
from mailserver.storage import contacts, label_store
from mailserver.storage.database import Transaction


class Graph(Protocol):
    """Who an inbox has to do with."""

    def introduce(self, tx: Transaction, inbox_id: int, address: str, at: int) -> None:
        """Let an address stand in the graph of an inbox before there is any mail with it."""
        ...


class Copying:
    """Copies cards. Whom a book has already gains what is new, and keeps the rest; the graph knows them at once."""

    def __init__(self, ids: IdSource, books: Contacts, graph: Graph) -> None:
        self._ids = ids
        self._books = books
        self._graph = graph

    def copy(self, tx: Transaction, source: Contact, taker: Inbox, labels: tuple[str, ...] = ()) -> Contact:
        """Put a card into an inbox's book, with labels by name or key; Conflict where the book is full."""
        now = int(time.time() * 1000)
        known = self._known(tx, source, taker)
        if known is None:
            made = self._books.add(tx, taker.tenant_id, taker.id, source.card)
        else:
            made = replace(known, card=_merged(known.card, source.card), updated_at=now)
            contacts.put(tx, made)
        for name in labels:
            label_store.attach_contact(tx, self._label(tx, taker.tenant_id, name, now).id, made.id, taker.id, now)
        for each in source.card.emails:
            self._graph.introduce(tx, taker.id, each.value, now)
        return made

    def _known(self, tx: Transaction, source: Contact, taker: Inbox) -> Contact | None:
        for each in source.card.emails:
            contact_id = contacts.by_address(tx, taker.id, each.value)
            found = contacts.get(tx, contact_id) if contact_id is not None else None
            if found is not None:
                return found
        return None

    def _label(self, tx: Transaction, tenant_id: int, name: str, now: int) -> Label:
        """A label for contacts; one that there is not yet is made."""
        key = label_names.atom(name)
        found = label_store.by_key(tx, tenant_id, key)
        if found is None or found.type is LabelType.MESSAGE or found.is_system:
            key = key if found is None else f"contact/{key}"[:100]
            found = label_store.by_key(tx, tenant_id, key)
        if found is None:
            found = Label(self._ids.next(), tenant_id, key, name, LabelType.CONTACT, None, None, now)
            label_store.add(tx, found)
        return found


def _merged(known: Card, new: Card) -> Card:
    days = {(each.type, each.date): each for each in (*known.anniversaries, *new.anniversaries)}
    return Card(
        known.full_name,
        _joined(known.emails, new.emails),
        _joined(known.phones, new.phones),
        known.notes or new.notes,
        tuple(days.values())[:MOST_EACH],
    )


def _joined(known: tuple[Labelled, ...], new: tuple[Labelled, ...]) -> tuple[Labelled, ...]:
    have = {each.value.lower() for each in known}
    return (*known, *(each for each in new if each.value.lower() not in have))[:MOST_EACH]
