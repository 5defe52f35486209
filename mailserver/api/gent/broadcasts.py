"""Endpoints of the messages page: broadcasts to a label's contacts."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import broadcasts as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.broadcast import Broadcast
from mailserver.entities.identifiers import Kind
from mailserver.http.routing import Answered, get, post
from mailserver.services.broadcast.broadcasts import NewBroadcast
from mailserver.services.outbound import signatures
from mailserver.services.registry import Services

_OVER = {409: "The broadcast is in a state that this does not follow."}


class BroadcastsPage:
    """One message to everybody who has a label, each with their own."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @post(
        "/messages/broadcast/", scope=Scope.EMAIL_SEND, status=202, repeatable=True, holds=True,
        answers={
            202: "Queued; or held for an approval: `queued` and `approval_id`.",
            409: "Nobody has the label, or the Idempotency-Key was used for another request.",
        },
    )  # fmt: skip
    async def send_broadcast(
        self, caller: Caller, body: shapes.SendBroadcast
    ) -> Answered[shapes.BroadcastQueued | shapes.BroadcastHeld]:
        """Broadcast to a contact label.

        Everybody gets a message of their own, at their first address. `{first_name}`, `{full_name}` and `{email}` in
        the subject and the bodies are filled in. Who is suppressed or has left the label is left out.
        """
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        chosen = await self._services.inbox_keeping.settings(inbox)
        text, html = signatures.sign(body.text_body, body.html_body, chosen)
        new = NewBroadcast(body.label_id, body.subject or "", text, html)
        broadcasts = self._services.broadcasting.broadcasts
        if Scope.EMAIL_SEND in caller.requires_approval:
            summary, payload = await broadcasts.hold(caller, inbox, new)
            number = await self._services.approvals.hold_broadcast(caller, inbox, summary, payload)
            return Answered(202, shapes.BroadcastHeld(queued=True, approval_id=number))
        made = await broadcasts.create(caller, inbox, new)
        queued = shapes.BroadcastQueued(
            queued=True, broadcast_id=identifiers.encode(Kind.BROADCAST, made.id),
            label_id=identifiers.encode(Kind.LABEL, made.label_id), label_name=made.label_name,
        )  # fmt: skip
        return Answered(202, queued)

    @get("/messages/broadcasts/", scope=Scope.EMAIL_READ)
    async def list_broadcasts(self, caller: Caller, query: shapes.ListBroadcasts) -> shapes.BroadcastList:
        """List the broadcasts of an inbox, newest first."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        found, total = await self._services.broadcasting.broadcasts.page(inbox, query.position, query.limit)
        return shapes.BroadcastList(
            results=[_shown(each) for each in found], total=total, position=query.position, limit=query.limit
        )

    @get("/messages/broadcasts/{broadcast_id}/", scope=Scope.EMAIL_READ)
    async def get_broadcast(self, caller: Caller, broadcast_id: str) -> shapes.BroadcastShown:
        """Get a broadcast with its counts."""
        return _shown(await self._services.broadcasting.broadcasts.get(caller, broadcast_id))

    @post("/messages/broadcasts/{broadcast_id}/pause/", scope=Scope.EMAIL_WRITE, answers=_OVER)
    async def pause_broadcast(self, caller: Caller, broadcast_id: str) -> shapes.BroadcastShown:
        """Send nothing more until it is resumed."""
        return _shown(await self._services.broadcasting.broadcasts.pause(caller, broadcast_id))

    @post("/messages/broadcasts/{broadcast_id}/resume/", scope=Scope.EMAIL_SEND, answers=_OVER)
    async def resume_broadcast(self, caller: Caller, broadcast_id: str) -> shapes.BroadcastShown:
        """Let a paused broadcast go on where it was."""
        return _shown(await self._services.broadcasting.broadcasts.resume(caller, broadcast_id))

    @post("/messages/broadcasts/{broadcast_id}/cancel/", scope=Scope.EMAIL_WRITE, answers=_OVER)
    async def cancel_broadcast(self, caller: Caller, broadcast_id: str) -> shapes.BroadcastShown:
        """Send nothing more, ever."""
        return _shown(await self._services.broadcasting.broadcasts.cancel(caller, broadcast_id))


def _shown(one: Broadcast) -> shapes.BroadcastShown:
    return shapes.BroadcastShown(
        broadcast_id=identifiers.encode(Kind.BROADCAST, one.id),
        label_id=identifiers.encode(Kind.LABEL, one.label_id),
        subject=one.subject,
        status=one.status.value,
        sent_count=one.sent_count,
        suppressed_count=one.suppressed_count,
        delivered_count=one.delivered_count,
        bounced_count=one.bounced_count,
        spam_complaint_count=one.spam_complaint_count,
        open_count=one.open_count,
        click_count=one.click_count,
        created_at=times.write(one.created_at, None),
        updated_at=times.write(one.updated_at, None),
    )
