"""Endpoints of suggested labels and events: confirm and dismiss."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import enrichment as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.http.routing import delete, post
from mailserver.services.registry import Services


class SuggestionsPage:
    """What was suggested for messages, and what people say to it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @post("/messages/{message_id}/suggested-labels/{label_id}/", scope=Scope.LABELS_WRITE, status=204)
    async def confirm_suggested_label(self, caller: Caller, message_id: str, label_id: str, query: OfInbox) -> None:
        """Confirm a label suggestion: the label is put on the message."""
        inbox = await self._named(caller, query.inbox_id)
        await self._services.enrichment.suggestions.confirm_label(caller, message_id, inbox, label_id)

    @delete("/messages/{message_id}/suggested-labels/{label_id}/", scope=Scope.LABELS_WRITE, status=204)
    async def dismiss_suggested_label(self, caller: Caller, message_id: str, label_id: str, query: OfInbox) -> None:
        """Dismiss a label suggestion; it is not made for messages like this one again."""
        inbox = await self._named(caller, query.inbox_id)
        await self._services.enrichment.suggestions.dismiss_label(caller, message_id, inbox, label_id)

    @post("/messages/{message_id}/suggested-events/", scope=Scope.CALENDAR_WRITE, status=201, repeatable=True)
    async def confirm_suggested_event(
        self, caller: Caller, message_id: str, body: shapes.ConfirmEvent, query: OfInbox
    ) -> shapes.ConfirmedEvent:
        """Confirm an event suggestion: the event is created in a calendar."""
        inbox = await self._named(caller, body.inbox_id or query.inbox_id)
        made = await self._services.enrichment.suggestions.confirm_event(caller, message_id, inbox, body.calendar_id)
        return shapes.ConfirmedEvent(
            event_id=identifiers.encode(Kind.CALENDAR_EVENT, made.id),
            calendar_id=identifiers.encode(Kind.CALENDAR, made.calendar_id),
            title=made.title,
            start=times.write(made.start_at, times.zone(made.time_zone)),
        )

    @delete("/messages/{message_id}/suggested-events/", scope=Scope.CALENDAR_WRITE, status=204)
    async def dismiss_suggested_event(self, caller: Caller, message_id: str, query: OfInbox) -> None:
        """Dismiss an event suggestion."""
        inbox = await self._named(caller, query.inbox_id)
        await self._services.enrichment.suggestions.dismiss_event(caller, message_id, inbox)

    async def _named(self, caller: Caller, wanted: str | None) -> Inbox | None:
        return await self._services.inboxes.of(caller, wanted) if wanted else None
