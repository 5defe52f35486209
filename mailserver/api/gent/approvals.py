"""Endpoints of the approvals page: what agents have asked for and people decide."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import approvals as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.approval import Approval
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.http.routing import get, post
from mailserver.services.registry import Services


class ApprovalsPage:
    """Calls that wait. They are made by calls whose scope needs an approval, never here."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/approvals/", scope=Scope.APPROVALS_READ)
    async def list_approvals(self, caller: Caller, query: shapes.ListApprovals) -> list[shapes.ApprovalShown]:
        """List what waits in an inbox, or has waited, the newest first."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        found = await self._services.approvals.page(inbox, query.status, query.position, query.limit)
        return [_shown(inbox, one) for one in found]

    @get("/approvals/{approval_id}/", scope=Scope.APPROVALS_READ)
    async def get_approval(self, caller: Caller, approval_id: str, query: OfInbox) -> shapes.ApprovalShown:
        """Get one of them."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        return _shown(inbox, await self._services.approvals.get(inbox, approval_id))

    @post(
        "/approvals/{approval_id}/approve/", scope=Scope.APPROVALS_WRITE, status=204,
        answers={400: "It is expired or was decided already."},
    )  # fmt: skip
    async def approve(self, caller: Caller, approval_id: str, body: shapes.Decide) -> None:
        """Run it, once, as it was asked for. A token never approves what it asked for itself."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        await self._services.approvals.approve(caller, inbox, approval_id)

    @post(
        "/approvals/{approval_id}/reject/", scope=Scope.APPROVALS_WRITE, status=204,
        answers={400: "It is expired or was decided already."},
    )  # fmt: skip
    async def reject(self, caller: Caller, approval_id: str, body: shapes.Decide) -> None:
        """Throw it away."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        await self._services.approvals.reject(caller, inbox, approval_id)


def _shown(inbox: Inbox, one: Approval) -> shapes.ApprovalShown:
    zone = times.zone(inbox.default_timezone)
    number = identifiers.encode(Kind.APPROVAL, one.id)
    return shapes.ApprovalShown(
        approval_id=number,
        action_id=number,
        inbox_id=identifiers.encode(Kind.INBOX, one.inbox_id),
        action_type=one.action_type,
        token_label=one.token_label,
        summary=one.summary,
        status=one.state,
        queued_at=times.write(one.queued_at, zone),
        expires_at=times.write(one.expires_at, zone),
    )
