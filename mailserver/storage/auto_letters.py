"""Letters that the server still has to write: a row goes away in the transaction that queues the letter."""

from dataclasses import dataclass

from mailserver.storage.database import Snapshot, Transaction

TOPIC = "auto_letters"


@dataclass(frozen=True, slots=True)
class WaitingLetter:
    """A letter to be written; `body` is JSON."""

    id: int
    tenant_id: int
    inbox_id: int
    body: str


def add(tx: Transaction, letter: WaitingLetter) -> None:
    """Let a letter be written. The same one twice is once."""
    tx.execute(
        "INSERT INTO auto_letter(id, tenant_id, inbox_id, body) VALUES (?, ?, ?, ?) ON CONFLICT(id) DO NOTHING",
        (letter.id, letter.tenant_id, letter.inbox_id, letter.body),
    )
    tx.ring(TOPIC)


def waiting(snapshot: Snapshot, behind: int, limit: int) -> list[WaitingLetter]:
    """Some letters in the order of their ids, behind one of them."""
    rows = snapshot.all(
        "SELECT id, tenant_id, inbox_id, body FROM auto_letter WHERE id > ? ORDER BY id LIMIT ?", (behind, limit)
    )
    return [WaitingLetter(*row) for row in rows]


def remove(tx: Transaction, letter_id: int) -> bool:
    """Take a letter away; False where somebody else has."""
    return tx.execute("DELETE FROM auto_letter WHERE id = ?", (letter_id,)).rowcount > 0
