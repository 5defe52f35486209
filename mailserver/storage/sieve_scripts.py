"""Script queries."""

from collections.abc import Sequence
from typing import Any

from mailserver.entities.sieve import SieveScript
from mailserver.storage import changes
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = "SELECT id, tenant_id, inbox_id, name, hash, size, is_active, changed_at FROM sieve_script"


def of_inbox(snapshot: Snapshot, inbox_id: int) -> list[SieveScript]:
    """Every script of an inbox by name."""
    return [_entity(row) for row in snapshot.all(f"{_COLUMNS} WHERE inbox_id = ? ORDER BY name", (inbox_id,))]


def get(snapshot: Snapshot, inbox_id: int, script_id: int) -> SieveScript | None:
    """A script of an inbox."""
    row = snapshot.one(f"{_COLUMNS} WHERE id = ? AND inbox_id = ?", (script_id, inbox_id))
    return _entity(row) if row else None


def by_name(snapshot: Snapshot, inbox_id: int, name: str) -> SieveScript | None:
    """A script by its name."""
    row = snapshot.one(f"{_COLUMNS} WHERE inbox_id = ? AND name = ?", (inbox_id, name))
    return _entity(row) if row else None


def count(snapshot: Snapshot, inbox_id: int) -> int:
    """How many scripts an inbox has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM sieve_script WHERE inbox_id = ?", (inbox_id,))[0]
    return number


def content(snapshot: Snapshot, inbox_id: int, digest: bytes) -> bytes | None:
    """The content that a hash names, of a script that has it at present."""
    row = snapshot.one("SELECT content FROM sieve_script WHERE inbox_id = ? AND hash = ? LIMIT 1", (inbox_id, digest))
    return bytes(row[0]) if row else None


def active(snapshot: Snapshot, inbox_ids: Sequence[int]) -> dict[int, tuple[int, bytes, bytes]]:
    """The scripts that run for these inboxes, by inbox: id, hash and content."""
    marks = ",".join("?" * len(inbox_ids))
    rows = snapshot.all(
        f"SELECT inbox_id, id, hash, content FROM sieve_script WHERE is_active = 1 AND inbox_id IN ({marks})",
        inbox_ids,
    )
    return {row[0]: (row[1], bytes(row[2]), bytes(row[3])) for row in rows}


def is_any_active(snapshot: Snapshot, inbox_ids: Sequence[int]) -> bool:
    """Whether a script, or an absence notice, is switched on for one of these inboxes."""
    marks = ",".join("?" * len(inbox_ids))
    row = snapshot.one(
        f"SELECT EXISTS (SELECT 1 FROM sieve_script WHERE is_active = 1 AND inbox_id IN ({marks})) "
        f"OR EXISTS (SELECT 1 FROM vacation_response WHERE inbox_id IN ({marks}) AND is_enabled = 1)",
        (*inbox_ids, *inbox_ids),
    )
    return bool(row[0])


def put(tx: Transaction, script: SieveScript, octets: bytes) -> None:
    """Insert a script, or change the one that has its id, all but whether it is active."""
    modseq = changes.advance(tx, script.inbox_id)
    tx.execute(
        "INSERT INTO sieve_script(id, tenant_id, inbox_id, name, content, hash, size, is_active, created_modseq, "
        "modseq, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
        "name = excluded.name, content = excluded.content, hash = excluded.hash, size = excluded.size, "
        "modseq = excluded.modseq, changed_at = excluded.changed_at",
        (
            script.id, script.tenant_id, script.inbox_id, script.name, octets, script.hash, script.size, modseq, modseq,
            script.changed_at,
        ),
    )  # fmt: skip
    changes.mark(tx, script.inbox_id, changes.SIEVE_SCRIPT, modseq)


def activate(tx: Transaction, inbox_id: int, script_id: int | None) -> None:
    """Let one script run, or none."""
    for number, is_active in tx.all(
        "SELECT id, is_active FROM sieve_script WHERE inbox_id = ? AND (is_active = 1 OR id = ?) "
        "ORDER BY is_active DESC",
        (inbox_id, script_id),
    ):
        if bool(is_active) == (number == script_id):
            continue
        modseq = changes.advance(tx, inbox_id)
        tx.execute(
            "UPDATE sieve_script SET is_active = ?, modseq = ? WHERE id = ?", (int(not is_active), modseq, number)
        )
        changes.mark(tx, inbox_id, changes.SIEVE_SCRIPT, modseq)


def remove(tx: Transaction, inbox_id: int, script_id: int) -> None:
    """Delete a script."""
    (created,) = tx.one("SELECT created_modseq FROM sieve_script WHERE id = ?", (script_id,))
    tx.execute("DELETE FROM sieve_script WHERE id = ?", (script_id,))
    changes.bury(tx, inbox_id, changes.SIEVE_SCRIPT, script_id, created)


def _entity(row: tuple[Any, ...]) -> SieveScript:
    return SieveScript(row[0], row[1], row[2], row[3], bytes(row[4]), row[5], bool(row[6]), row[7])
