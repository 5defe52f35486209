"""Contacts of inboxes, and the search for them."""

from typing import Any

import orjson

from mailserver.entities.contact import Anniversary, Card, Contact, Labelled
from mailserver.storage import anniversaries, commitments
from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.ingest import search_token

MOST = 200_000  # of one inbox
LONGEST_QUERY = 500
MOST_TERMS = 16
_COLUMNS = "id, tenant_id, inbox_id, full_name, emails, phones, notes, anniversaries, created_at, updated_at"


def put(tx: Transaction, contact: Contact) -> None:
    """Insert a contact, or write it in the place of the one that has its id."""
    card = contact.card
    tx.execute(
        f"INSERT INTO contact({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
        "full_name = excluded.full_name, emails = excluded.emails, phones = excluded.phones, notes = excluded.notes, "
        "anniversaries = excluded.anniversaries, updated_at = excluded.updated_at",
        (
            contact.id, contact.tenant_id, contact.inbox_id, card.full_name, _pairs(card.emails), _pairs(card.phones),
            card.notes, orjson.dumps([[each.type, each.date] for each in card.anniversaries]).decode(),
            contact.created_at, contact.updated_at,
        ),
    )  # fmt: skip
    tx.execute("DELETE FROM contact_address WHERE contact_id = ?", (contact.id,))
    for address in sorted({each.value.lower() for each in card.emails}):
        tx.execute("INSERT INTO contact_address VALUES (?, ?, ?)", (contact.inbox_id, address, contact.id))
    anniversaries.keep(tx, contact.id, contact.inbox_id, card.anniversaries)
    tx.execute("DELETE FROM search_contact WHERE rowid = ?", (contact.id,))
    tx.execute(
        "INSERT INTO search_contact(rowid, inbox, name, emails, phones, notes) VALUES (?, ?, ?, ?, ?, ?)",
        (
            contact.id, search_token(contact.inbox_id), card.full_name, " ".join(each.value for each in card.emails),
            " ".join(each.value for each in card.phones), card.notes or "",
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, contact_id: int) -> Contact | None:
    """A contact by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM contact WHERE id = ?", (contact_id,))
    return _entity(row) if row else None


def by_address(snapshot: Snapshot, inbox_id: int, address: str) -> int | None:
    """The oldest contact of an inbox that has an address."""
    row = snapshot.one(
        "SELECT MIN(contact_id) FROM contact_address WHERE inbox_id = ? AND address = ?", (inbox_id, address.lower())
    )
    return row[0] if row else None


def count(snapshot: Snapshot, inbox_id: int) -> int:
    """How many contacts an inbox has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM contact WHERE inbox_id = ?", (inbox_id,))[0]
    return number


def remove(tx: Transaction, contact_id: int) -> None:
    """Delete a contact, with the labels that are on it."""
    commitments.forget_contact(tx, contact_id)
    anniversaries.forget(tx, contact_id)
    tx.execute("DELETE FROM contact_address WHERE contact_id = ?", (contact_id,))
    tx.execute("DELETE FROM label_entity WHERE entity_type = 'contact' AND entity_id = ?", (contact_id,))
    tx.execute("DELETE FROM contact WHERE id = ?", (contact_id,))


def page(snapshot: Snapshot, inbox_id: int, text: str | None, position: int, limit: int) -> tuple[list[Contact], int]:
    """Contacts of an inbox, or those that have every word, newest first; how many there are in all."""
    if text is None:
        rows = snapshot.all(
            f"SELECT {_COLUMNS} FROM contact WHERE inbox_id = ? ORDER BY id DESC LIMIT ? OFFSET ?",
            (inbox_id, limit, position),
        )
        return [_entity(row) for row in rows], count(snapshot, inbox_id)
    match = _expression(inbox_id, text)
    if match is None:
        return [], 0
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM contact WHERE id IN (SELECT rowid FROM search_contact WHERE search_contact MATCH ? "
        "ORDER BY rowid DESC LIMIT ? OFFSET ?) ORDER BY id DESC",
        (match, limit, position),
    )
    total = snapshot.one("SELECT COUNT(*) FROM search_contact WHERE search_contact MATCH ?", (match,))[0]
    return [_entity(row) for row in rows], total


def stretch(snapshot: Snapshot, inbox_id: int, after: int, limit: int) -> list[Contact]:
    """Some contacts of an inbox behind one, oldest first."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM contact WHERE inbox_id = ? AND id > ? ORDER BY id LIMIT ?", (inbox_id, after, limit)
    )
    return [_entity(row) for row in rows]


def _expression(inbox_id: int, text: str) -> str | None:
    """The FTS5 expression of what was typed: words begin with what was typed; None where it has no word in it."""
    readable = text[:LONGEST_QUERY].encode(errors="replace").decode().replace("\0", " ")
    words = [word for word in readable.split()[:MOST_TERMS] if any(letter.isalnum() for letter in word)]
    if not words:
        return None
    quoted = " AND ".join('"{}"*'.format(word.replace('"', '""')) for word in words)
    return f"inbox : {search_token(inbox_id)} AND ({{name emails phones notes}} : ({quoted}))"


def _pairs(some: tuple[Labelled, ...]) -> str:
    return orjson.dumps([[each.value, each.label] for each in some]).decode()


def _entity(row: tuple[Any, ...]) -> Contact:
    emails, phones = (tuple(Labelled(*each) for each in orjson.loads(text)) for text in (row[4], row[5]))
    anniversaries = tuple(Anniversary(*each) for each in orjson.loads(row[7]))
    return Contact(row[0], row[1], row[2], Card(row[3], emails, phones, row[6], anniversaries), row[8], row[9])
