"""Endpoints of the messages page: suppressed addresses."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import messages as shapes
from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.http.routing import delete, get
from mailserver.services.registry import Services

MOST_SHOWN = 1000


class SuppressionsPage:
    """Addresses that an inbox does not write to."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/messages/suppressed/", scope=Scope.EMAIL_READ)
    async def list_suppressed(self, caller: Caller, query: shapes.OfInbox) -> list[shapes.Suppressed]:
        """List suppressed addresses, newest first."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        page = await self._services.suppressions.page(inbox.id, limit=MOST_SHOWN)
        return [
            shapes.Suppressed(
                address=row.address,
                source=row.source,
                reason=row.reason.value,
                suppressed_at=times.write(row.suppressed_at, None),
            )
            for row in page.items
        ]

    @delete("/messages/suppressed/", scope=Scope.EMAIL_WRITE, status=204)
    async def remove_suppressed(
        self, caller: Caller, body: shapes.RemoveSuppression, query: shapes.RemoveSuppression
    ) -> None:
        """Write to an address again that bounced; unsubscribes stay as they are."""
        address = body.address or query.address
        if not address:
            raise errors.Invalid("Say which address.", address="The field is required.")
        inbox = await self._services.inboxes.of(caller, body.inbox_id or query.inbox_id)
        await self._services.suppressions.remove(inbox.id, address)
