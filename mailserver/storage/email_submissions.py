"""Submission queries."""

from collections.abc import Sequence
from typing import Any

import orjson

from mailserver.entities.submission import StoredSubmission
from mailserver.storage import changes
from mailserver.storage.database import Snapshot, Transaction

AT_ONCE = 500  # ids of one statement
_COLUMNS = (
    "SELECT id, tenant_id, inbox_id, queued_id, identity_id, email_id, thread_id, envelope, send_at, is_canceled, "
    "created_at FROM email_submission"
)


def add(tx: Transaction, one: StoredSubmission) -> None:
    """Insert a submission."""
    modseq = changes.advance(tx, one.inbox_id)
    tx.execute(
        "INSERT INTO email_submission VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.id, one.tenant_id, one.inbox_id, one.queued_id, one.identity_id, one.email_id, one.thread_id,
            orjson.dumps(one.envelope).decode(), one.send_at, int(one.is_canceled), one.created_at, modseq, modseq,
        ),
    )  # fmt: skip
    changes.mark(tx, one.inbox_id, changes.SUBMISSION, modseq)


def get(snapshot: Snapshot, inbox_id: int, ids: Sequence[int]) -> list[StoredSubmission]:
    """Submissions of an inbox by their ids."""
    found: list[StoredSubmission] = []
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        marks = ",".join("?" * len(some))
        rows = snapshot.all(f"{_COLUMNS} WHERE id IN ({marks}) AND +inbox_id = ? ORDER BY id", (*some, inbox_id))
        found += [_entity(row) for row in rows]
    return found


def of_inbox(snapshot: Snapshot, inbox_id: int, most: int) -> list[StoredSubmission]:
    """The newest submissions of an inbox, oldest of them first."""
    rows = snapshot.all(f"{_COLUMNS} WHERE inbox_id = ? ORDER BY id DESC LIMIT ?", (inbox_id, most))
    return [_entity(row) for row in reversed(rows)]


def cancel(tx: Transaction, one: StoredSubmission) -> None:
    """Note that a submission was taken back."""
    tx.execute("UPDATE email_submission SET is_canceled = 1 WHERE id = ?", (one.id,))
    _touch(tx, one.inbox_id, one.id)


def remove(tx: Transaction, inbox_id: int, submission_id: int) -> None:
    """Forget a submission; what it has sent stays sent."""
    (created,) = tx.one("SELECT created_modseq FROM email_submission WHERE id = ?", (submission_id,))
    tx.execute("DELETE FROM email_submission WHERE id = ?", (submission_id,))
    tx.execute("DELETE FROM submission_report WHERE submission_id = ?", (submission_id,))
    changes.bury(tx, inbox_id, changes.SUBMISSION, submission_id, created)


def told(tx: Transaction, queued_ids: Sequence[int]) -> None:
    """Something has become of messages that may have been submitted."""
    for start in range(0, len(queued_ids), AT_ONCE):
        some = queued_ids[start : start + AT_ONCE]
        marks = ",".join("?" * len(some))
        for submission_id, inbox_id in tx.all(
            f"SELECT id, inbox_id FROM email_submission WHERE queued_id IN ({marks})", some
        ):
            _touch(tx, inbox_id, submission_id)


def note_report(tx: Transaction, delivery_ids: Sequence[int], message_ids: Sequence[int]) -> None:
    """These messages report what has become of deliveries; told to the inbox that both belong to."""
    for start in range(0, len(delivery_ids), AT_ONCE):
        some = delivery_ids[start : start + AT_ONCE]
        marks, own = ",".join("?" * len(some)), ",".join("?" * len(message_ids))
        for submission_id, message_id, inbox_id in tx.all(
            "SELECT DISTINCT s.id, m.id, s.inbox_id FROM delivery d "
            "JOIN email_submission s ON s.queued_id = d.queued_id "
            f"JOIN message m ON m.inbox_id = s.inbox_id AND m.id IN ({own}) WHERE d.id IN ({marks})",
            (*message_ids, *some),
        ):
            tx.execute(
                "INSERT INTO submission_report VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (submission_id, message_id, inbox_id),
            )
            _touch(tx, inbox_id, submission_id)


def forget_message(tx: Transaction, message_id: int) -> None:
    """A message is deleted: where it was a report, there is one less."""
    for submission_id, inbox_id in tx.all(
        "DELETE FROM submission_report WHERE message_id = ? RETURNING submission_id, inbox_id", (message_id,)
    ):
        _touch(tx, inbox_id, submission_id)


def reports(snapshot: Snapshot, submission_ids: Sequence[int]) -> dict[int, tuple[bytes, ...]]:
    """The contents, by their hashes, of what was reported about submissions, oldest first."""
    found: dict[int, tuple[bytes, ...]] = {}
    for start in range(0, len(submission_ids), AT_ONCE):
        some = submission_ids[start : start + AT_ONCE]
        marks = ",".join("?" * len(some))
        for submission_id, blob in snapshot.all(
            "SELECT r.submission_id, m.blob FROM submission_report r JOIN message m ON m.id = r.message_id "
            f"WHERE r.submission_id IN ({marks}) ORDER BY r.submission_id, r.message_id",
            some,
        ):
            found[submission_id] = (*found.get(submission_id, ()), bytes(blob))
    return found


def trim(tx: Transaction, before: int, most: int) -> int:
    """Forget submissions that were made before a time; how many."""
    rows = tx.all(
        "SELECT id, inbox_id FROM email_submission WHERE created_at < ? ORDER BY created_at LIMIT ?", (before, most)
    )
    for submission_id, inbox_id in rows:
        remove(tx, inbox_id, submission_id)
    return len(rows)


def _touch(tx: Transaction, inbox_id: int, submission_id: int) -> None:
    modseq = changes.advance(tx, inbox_id)
    tx.execute("UPDATE email_submission SET modseq = ? WHERE id = ?", (modseq, submission_id))
    changes.mark(tx, inbox_id, changes.SUBMISSION, modseq)


def _entity(row: Sequence[Any]) -> StoredSubmission:
    return StoredSubmission(
        id=row[0], tenant_id=row[1], inbox_id=row[2], queued_id=row[3], identity_id=row[4], email_id=row[5],
        thread_id=row[6], envelope=orjson.loads(row[7]), send_at=row[8], is_canceled=bool(row[9]), created_at=row[10],
    )  # fmt: skip
