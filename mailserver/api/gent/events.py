"""Endpoints of the events page: what happened, and what can."""

from aiohttp import web

from mailserver.api.gent import times
from mailserver.api.gent.schemas import events as shapes
from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.http.routing import get
from mailserver.services.notify import catalogue, telling
from mailserver.services.notify.event_log import Wanted
from mailserver.services.registry import Services

FIELDS = (
    ("type", "string", "What happened."),
    ("event_id", "string", "Tells the event from others; the same in the log and in every webhook."),
    ("inbox_id", "string", "The inbox that it happened to; null where the whole tenant is concerned."),
    ("occurred_at", "datetime", "When, in UTC."),
    ("data", "object", "What the type has to tell."),
)
PREFIX = "bearer "


class EventsPage:
    """The event log, and the types of event."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/events/reference/", public=True)
    async def event_reference(self, request: web.Request) -> shapes.EventReference:
        """Get what a form that chooses events is built from. Types for owners are shown to owners."""
        shown, categories = _types(is_owner=await self._is_owner(request))
        return shapes.EventReference(
            version=catalogue.VERSION,
            resource="events",
            payload={
                "list_events": shapes.CallShown(method="GET", path="/v1/events/"),
                "subscribe_alert": shapes.CallShown(method="POST", path="/v1/alerts/"),
            },
            fields=[shapes.FieldShown(name=name, type=kind, description=text) for name, kind, text in FIELDS],
            builder=shapes.BuilderShown(group_field="category", value_field="type"),
            events=shown,
            categories=categories,
        )

    @get("/events/types/", public=True)
    async def event_types(self, request: web.Request) -> shapes.EventTypes:
        """List the types of event. Those for owners are shown to owners."""
        shown, categories = _types(is_owner=await self._is_owner(request))
        counts = shapes.EventCounts(events=len(shown), categories=len(categories))
        return shapes.EventTypes(resource="event_types", events=shown, categories=categories, counts=counts)

    @get("/events/", scope=Scope.EMAIL_READ)
    async def list_events(self, caller: Caller, query: shapes.ListEvents) -> shapes.EventList:
        """List what happened, the newest first."""
        inbox = None
        if query.inbox_id is not None or caller.inbox_id is not None:
            inbox = await self._services.inboxes.of(caller, query.inbox_id)
        zone = times.zone(inbox.default_timezone) if inbox else None
        wanted = Wanted(
            inbox, query.type, times.read(query.after, zone, "after"), times.read(query.before, zone, "before"),
            query.cursor, query.limit,
        )  # fmt: skip
        found = await self._services.notify.event_log.page(caller, wanted)
        return shapes.EventList(
            results=[shapes.EventShown(**telling.shown(event)) for event in found],
            cursor=identifiers.encode(Kind.EVENT, found[-1].id) if len(found) == query.limit else None,
        )

    async def _is_owner(self, request: web.Request) -> bool:
        """Whether an owner is asking; nobody has to log in here, and a login that is over makes no difference."""
        given = request.headers.get("Authorization", "")
        if not given.lower().startswith(PREFIX):
            return False
        try:
            caller = await self._services.access.token(given[len(PREFIX) :].strip())
        except errors.Unauthenticated:
            return False
        return caller.is_owner


def _types(*, is_owner: bool) -> tuple[list[shapes.EventTypeShown], dict[str, list[str]]]:
    told = catalogue.told_to(is_owner=is_owner)
    categories: dict[str, list[str]] = {}
    for each in told:
        categories.setdefault(each.category, []).append(each.type)
    shown = [
        shapes.EventTypeShown(
            type=each.type, category=each.category, description=each.description,
            config=["offset"] if each.has_offset else [],
            offset_units=list(catalogue.OFFSET_UNITS) if each.has_offset else [], admin=each.is_admin,
        )
        for each in told
    ]  # fmt: skip
    return shown, categories
