"""Shapes of the approvals page."""

from pydantic import Field

from mailserver.api.gent.schemas.messages import Shape, Short
from mailserver.entities.approval import ApprovalState


class ListApprovals(Shape):
    """Which of them."""

    inbox_id: Short | None = Field(None, description="For session logins: the inbox.")
    status: ApprovalState | None = None
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class Decide(Shape):
    """Whose it is."""

    inbox_id: Short | None = Field(None, description="For session logins: the inbox.")


class ApprovalShown(Shape):
    """A call that waits, or has waited."""

    approval_id: str
    action_id: str
    inbox_id: str
    action_type: str
    token_label: str
    summary: str
    status: ApprovalState
    queued_at: str
    expires_at: str
