"""Endpoints of the inbox events page."""

from mailserver.api.agentry import present
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.schemas import inbox_events as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.permission import Permission
from mailserver.http.routing import get
from mailserver.services.notify.label_history import LabelChanged
from mailserver.services.registry import Services


class InboxEventsPage:
    """What became of the labels of an inbox's messages, in the last 90 days."""

    def __init__(self, services: Services, cursors: Cursors) -> None:
        self._services = services
        self._cursors = cursors

    @get("/inboxes/{inbox_id}/events", scope=Scope.EMAIL_READ, permission=Permission.MESSAGE_READ)
    async def list_events(self, caller: Caller, inbox_id: str, query: shapes.ListInboxEvents) -> shapes.InboxEventList:
        """List labels that were put on messages and taken off them, newest first.

        A page may be shorter than its limit and yet have a next one: what the key may not see is left out.
        """
        inbox = await self._services.inboxes.of(caller, inbox_id)
        asked = f"inbox events {inbox.id} {query.ascending}"
        behind = self._cursors.read(caller, asked, query.page_token)
        found, last = await self._services.notify.label_history.page(
            caller, inbox, behind[1] if behind else None, query.limit, ascending=query.ascending
        )
        return shapes.InboxEventList(
            count=len(found), limit=query.limit, events=[_shown(inbox, each) for each in found],
            next_page_token=self._cursors.make(caller, asked, 0, last) if last is not None else None,
        )  # fmt: skip


def _shown(inbox: Inbox, change: LabelChanged) -> shapes.InboxEventShown:
    event, message = change.event, change.message
    at = present.when(event.occurred_at)
    return shapes.InboxEventShown(
        organization_id=identifiers.encode(Kind.TENANT, inbox.tenant_id), pod_id=present.pod_id(inbox.pod_id),
        inbox_id=inbox.address, event_id=identifiers.encode(Kind.EVENT, event.id),
        event_type="label.added" if change.is_added else "label.removed",
        message_id=present.id_of(message) if message else identifiers.encode(Kind.MESSAGE, change.message_id),
        label=change.label, event_at=at, created_at=at,
    )  # fmt: skip
