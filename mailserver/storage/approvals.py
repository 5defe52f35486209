"""Calls that wait for somebody's approval, with what they are to do."""

from mailserver.entities.approval import Approval, ApprovalState
from mailserver.storage.database import Snapshot, Transaction

_COLUMNS = (
    "id, tenant_id, inbox_id, credential_id, token_label, action_type, summary, state, queued_at, expires_at, "
    "decided_at, decided_by, result"
)


def add(tx: Transaction, approval: Approval, payload: bytes) -> None:
    """Insert a call that waits."""
    tx.execute(
        "INSERT INTO approval(id, tenant_id, inbox_id, credential_id, token_label, action_type, summary, payload, "
        "state, queued_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            approval.id, approval.tenant_id, approval.inbox_id, approval.credential_id, approval.token_label,
            approval.action_type, approval.summary, payload, approval.state.value, approval.queued_at,
            approval.expires_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, approval_id: int) -> Approval | None:
    """One of them."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM approval WHERE id = ?", (approval_id,))
    return _entity(row) if row else None


def payload(snapshot: Snapshot, approval_id: int) -> bytes | None:
    """What it is to do; None where that is over."""
    row = snapshot.one("SELECT payload FROM approval WHERE id = ?", (approval_id,))
    return row[0] if row else None


def page(snapshot: Snapshot, inbox_id: int, state: ApprovalState | None, position: int, limit: int) -> list[Approval]:
    """Those of an inbox, the newest first."""
    condition, values = ("AND state = ?", (state.value,)) if state else ("", ())
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM approval WHERE inbox_id = ? {condition} ORDER BY id DESC LIMIT ? OFFSET ?",
        (inbox_id, *values, limit, position),
    )
    return [_entity(row) for row in rows]


def waiting(snapshot: Snapshot, inbox_id: int) -> tuple[int, int]:
    """How many wait for an inbox, and how many octets they take."""
    row = snapshot.one(
        "SELECT COUNT(*), COALESCE(SUM(LENGTH(payload)), 0) FROM approval WHERE inbox_id = ? AND state = 'pending'",
        (inbox_id,),
    )
    return row[0], row[1]


def move(
    tx: Transaction, approval_id: int, origin: ApprovalState, state: ApprovalState, by: str | None, at: int,
    result: str | None = None,
) -> bool:  # fmt: skip
    """Give one another state; False where it has not the one that it should have. What is over has no payload."""
    forgotten = "" if state in (ApprovalState.PENDING, ApprovalState.RUNNING) else ", payload = NULL"
    return (
        tx.execute(
            f"UPDATE approval SET state = ?, decided_by = ?, decided_at = ?, result = ?{forgotten} "
            "WHERE id = ? AND state = ?",
            (state.value, by, at, result, approval_id, origin.value),
        ).rowcount
        > 0
    )


def due(snapshot: Snapshot, now: int, limit: int) -> list[Approval]:
    """Those that nobody looked at in time."""
    rows = snapshot.all(
        f"SELECT {_COLUMNS} FROM approval WHERE state = 'pending' AND expires_at <= ? LIMIT ?", (now, limit)
    )
    return [_entity(row) for row in rows]


def release(tx: Transaction, before: int) -> int:
    """Let those wait again that a stop of the server broke off; how many."""
    return tx.execute(
        "UPDATE approval SET state = 'pending', decided_at = NULL, decided_by = NULL "
        "WHERE state = 'running' AND decided_at < ?",
        (before,),
    ).rowcount


def _entity(
    row: tuple[int, int, int, int, str, str, str, str, int, int, int | None, str | None, str | None],
) -> Approval:
    return Approval(*row[:7], ApprovalState(row[7]), *row[8:])
