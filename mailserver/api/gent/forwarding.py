"""Endpoints of forwarding: where all mail of an inbox goes on to."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas.forwarding import ForwardingShown, PutForwarding
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.forward import Forward
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.http.routing import get, put
from mailserver.services.registry import Services


class ForwardingPage:
    """The target of an inbox. Only an administrator sets one: it sees all mail that comes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/forwarding/", scope=Scope.EMAIL_READ)
    async def get_forwarding(self, caller: Caller, query: OfInbox) -> ForwardingShown:
        """Get where all mail of an inbox goes on to."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        return _shown(inbox, await self._services.forwards.get(inbox))

    @put("/forwarding/", scope=Scope.ADMIN)
    async def put_forwarding(self, caller: Caller, body: PutForwarding) -> ForwardingShown:
        """Let all mail of an inbox go on to an address, or stop that."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        forward = await self._services.forwards.set_default(
            inbox, body.default_address, is_enabled=body.enabled, keeps_copy=body.keep_copy
        )
        return _shown(inbox, forward)


def _shown(inbox: Inbox, forward: Forward | None) -> ForwardingShown:
    stopped_at = forward.stopped_at if forward else None
    return ForwardingShown(
        inbox_id=identifiers.encode(Kind.INBOX, inbox.id),
        default_address=forward.target if forward else None,
        enabled=forward is not None and forward.is_enabled,
        keep_copy=forward is None or forward.keeps_copy,
        stopped_at=times.write(stopped_at, times.zone(inbox.default_timezone)) if stopped_at else None,
    )
