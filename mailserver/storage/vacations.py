"""Absence notices: their settings, and who has had one lately."""

from collections.abc import Sequence

from mailserver.entities.sieve import NO_RESPONSE, VacationResponse
from mailserver.storage import changes
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = "is_enabled, from_at, to_at, subject, text_body, html_body"


def get(snapshot: Snapshot, inbox_id: int) -> VacationResponse:
    """What an inbox answers; nothing where that was never said."""
    return enabled(snapshot, [inbox_id], is_any=True).get(inbox_id, NO_RESPONSE)


def enabled(snapshot: Snapshot, inbox_ids: Sequence[int], *, is_any: bool = False) -> dict[int, VacationResponse]:
    """What these inboxes answer, where it is switched on, or else too with `is_any`."""
    marks = ",".join("?" * len(inbox_ids))
    rows = snapshot.all(f"SELECT inbox_id, {_COLUMNS} FROM vacation_response WHERE inbox_id IN ({marks})", inbox_ids)
    return {row[0]: VacationResponse(bool(row[1]), *row[2:]) for row in rows if is_any or row[1]}


def put(tx: Transaction, tenant_id: int, inbox_id: int, response: VacationResponse, now: int) -> None:
    """Write what an inbox answers."""
    tx.execute(
        "INSERT INTO vacation_response(inbox_id, tenant_id, is_enabled, from_at, to_at, subject, text_body, html_body, "
        "changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(inbox_id) DO UPDATE SET "
        "is_enabled = excluded.is_enabled, from_at = excluded.from_at, to_at = excluded.to_at, "
        "subject = excluded.subject, text_body = excluded.text_body, html_body = excluded.html_body, "
        "changed_at = excluded.changed_at",
        (
            inbox_id, tenant_id, int(response.is_enabled), response.from_at, response.to_at, response.subject,
            response.text, response.html, now,
        ),
    )  # fmt: skip
    changes.mark(tx, inbox_id, changes.VACATION_RESPONSE, changes.advance(tx, inbox_id))


def claim(tx: Transaction, inbox_id: int, handle: str, address: str, now: int, until: int) -> bool:
    """Whether somebody may be answered now; if so, he is not until then."""
    cursor = tx.execute(
        "INSERT INTO auto_answer(inbox_id, handle, address, until_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT(inbox_id, handle, address) DO UPDATE SET until_at = excluded.until_at "
        "WHERE auto_answer.until_at <= ?",
        (inbox_id, handle, address, until, now),
    )
    return cursor.rowcount > 0


def forget(tx: Transaction, now: int, limit: int) -> int:
    """Forget some of those who may be answered again; how many."""
    cursor = tx.execute(
        "DELETE FROM auto_answer WHERE (inbox_id, handle, address) IN "
        "(SELECT inbox_id, handle, address FROM auto_answer WHERE until_at <= ? LIMIT ?)",
        (now, limit),
    )
    return cursor.rowcount
