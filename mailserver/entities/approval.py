"""A call that waits until somebody has looked at it."""

from dataclasses import dataclass
from enum import StrEnum


class ApprovalState(StrEnum):
    """What has become of it."""

    PENDING = "pending"
    RUNNING = "running"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"  # approved, but refused when it was run


@dataclass(frozen=True, slots=True)
class Approval:
    """What was asked for, by which token, without the payload."""

    id: int
    tenant_id: int
    inbox_id: int
    credential_id: int
    token_label: str
    action_type: str
    summary: str
    state: ApprovalState
    queued_at: int
    expires_at: int
    decided_at: int | None = None
    decided_by: str | None = None
    result: str | None = None
