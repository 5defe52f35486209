"""Endpoint of the activity page."""

from datetime import tzinfo
from typing import Any

from mailserver.api.gent import moments, times
from mailserver.api.gent.schemas import activity as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.activity import Activity, ActivityType
from mailserver.entities.identifiers import Kind
from mailserver.http.routing import get
from mailserver.services.registry import Services

_MAIL = (ActivityType.MESSAGE_SENT, ActivityType.MESSAGE_RECEIVED)


class ActivityPage:
    """What happened with contacts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/activity/", scope=Scope.CONTEXT_READ)
    async def list_activity(self, caller: Caller, query: shapes.ListActivity) -> shapes.ActivityList:
        """List what happened with a contact or an address, newest first."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        zone = times.zone(inbox.default_timezone)
        since = moments.read(query.since, zone, "since")
        found, cursor = await self._services.timeline.page(
            caller, inbox, query.contact_id, query.address, since, query.cursor, query.limit
        )
        return shapes.ActivityList(events=[_shown(one, contact, zone) for one, contact in found], cursor=cursor)


def _shown(one: Activity, contact_id: int | None, zone: tzinfo | None) -> shapes.ActivityShown:
    return shapes.ActivityShown(
        id=identifiers.encode(Kind.EVENT, one.id),
        inbox_id=identifiers.encode(Kind.INBOX, one.inbox_id),
        contact_address=one.address,
        contact_id=identifiers.encode(Kind.CONTACT, contact_id) if contact_id is not None else None,
        type=one.type.value,
        resource_id=one.resource_id,
        participants=[shapes.PersonShown(email=address, name=name) for address, name in one.participants],
        summary=one.summary,
        occurred_at=times.write(one.occurred_at, zone),
        metadata=_metadata(one),
    )


def _metadata(one: Activity) -> dict[str, Any]:
    if one.type in _MAIL:
        return {**one.metadata, "is_read": bool(one.is_read)}
    if one.type is not ActivityType.CALENDAR_EVENT_CREATED:
        return one.metadata
    start_at, end_at, time_zone = (one.metadata[name] for name in ("start_at", "end_at", "time_zone"))
    return {
        "start": times.write(start_at, times.zone(time_zone)), "duration": moments.written(end_at - start_at),
        "time_zone": time_zone, "location": one.metadata["location"],
    }  # fmt: skip
