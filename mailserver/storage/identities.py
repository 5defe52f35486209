"""Identity queries."""

from collections.abc import Sequence
from typing import Any

import orjson

from mailserver.entities.submission import Identity
from mailserver.storage import changes
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = (
    "SELECT id, tenant_id, inbox_id, email, name, reply_to, bcc, text_signature, html_signature, is_fixed FROM identity"
)


def of_inbox(snapshot: Snapshot, inbox_id: int) -> list[Identity]:
    """Every identity of an inbox, oldest first."""
    return [_entity(row) for row in snapshot.all(f"{_COLUMNS} WHERE inbox_id = ? ORDER BY id", (inbox_id,))]


def get(snapshot: Snapshot, inbox_id: int, identity_id: int) -> Identity | None:
    """An identity of an inbox."""
    row = snapshot.one(f"{_COLUMNS} WHERE id = ? AND inbox_id = ?", (identity_id, inbox_id))
    return _entity(row) if row else None


def put(tx: Transaction, identity: Identity) -> None:
    """Insert an identity, or write it anew."""
    modseq = changes.advance(tx, identity.inbox_id)
    tx.execute(
        "INSERT INTO identity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
        "name = excluded.name, reply_to = excluded.reply_to, bcc = excluded.bcc, "
        "text_signature = excluded.text_signature, html_signature = excluded.html_signature, modseq = excluded.modseq",
        (
            identity.id, identity.tenant_id, identity.inbox_id, identity.email, identity.name,
            _people(identity.reply_to), _people(identity.bcc), identity.text_signature, identity.html_signature,
            int(identity.is_fixed), modseq, modseq,
        ),
    )  # fmt: skip
    changes.mark(tx, identity.inbox_id, changes.IDENTITY, modseq)


def follow_signatures(tx: Transaction, inbox_id: int) -> None:
    """The inbox has other signatures: its identities without any of their own have them too."""
    for (identity_id,) in tx.all(
        "SELECT id FROM identity WHERE inbox_id = ? AND (text_signature IS NULL OR html_signature IS NULL)", (inbox_id,)
    ):
        modseq = changes.advance(tx, inbox_id)
        tx.execute("UPDATE identity SET modseq = ? WHERE id = ?", (modseq, identity_id))
        changes.mark(tx, inbox_id, changes.IDENTITY, modseq)


def remove(tx: Transaction, identity: Identity) -> None:
    """Delete an identity."""
    (created,) = tx.one("SELECT created_modseq FROM identity WHERE id = ?", (identity.id,))
    tx.execute("DELETE FROM identity WHERE id = ?", (identity.id,))
    changes.bury(tx, identity.inbox_id, changes.IDENTITY, identity.id, created)


def _people(people: Sequence[dict[str, str | None]] | None) -> str | None:
    return orjson.dumps(people).decode() if people is not None else None


def _entity(row: Sequence[Any]) -> Identity:
    reply_to, bcc = (tuple(orjson.loads(text)) if text is not None else None for text in row[5:7])
    return Identity(row[0], row[1], row[2], row[3], row[4], reply_to, bcc, row[7], row[8], bool(row[9]))
