"""Endpoint of the agenda page."""

from datetime import tzinfo

from mailserver.api.gent import moments, present, times
from mailserver.api.gent.schemas import calendars as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.http.routing import get
from mailserver.services.registry import Services
from mailserver.services.workspace.agenda import Item, ItemType


class AgendaPage:
    """What an inbox has before it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/agenda/", scope=Scope.TASK_READ)
    async def show_agenda(self, caller: Caller, query: shapes.AskAgenda) -> shapes.AgendaShown:
        """Show tasks, upcoming events and missed replies in one list.

        Undated tasks come first. Events need calendar:read and missed replies email:read as well.
        """
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        items, total = await self._services.agenda.of(caller, inbox, query.days, query.limit)
        zone = times.zone(inbox.default_timezone)
        return shapes.AgendaShown(results=[_shown(item, zone) for item in items], total=total)


def _shown(item: Item, zone: tzinfo | None) -> shapes.AgendaItem:
    local = times.zone(item.time_zone) if item.type is ItemType.EVENT else zone
    at = times.write(item.at, local) if item.at is not None else None
    return shapes.AgendaItem(
        type=item.type.value,
        id=identifiers.encode(item.kind, item.id),
        title=item.title,
        pending=at is None,
        due_at=at if item.type is ItemType.TASK else None,
        start=at if item.type is ItemType.EVENT else None,
        duration=moments.written(item.end_at - (item.at or 0)) if item.end_at is not None else None,
        received_at=at if item.type is ItemType.MISSED_REPLY else None,
        thread_id=present.thread_id(item.thread_id) if item.thread_id is not None else None,
    )
