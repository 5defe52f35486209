"""Endpoints of the calendars page: calendars, and the events in them."""

from datetime import tzinfo

from mailserver.api.gent import moments, times
from mailserver.api.gent.schemas import calendars as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.calendar import Calendar, CalendarEvent, Participant
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.registry import Services
from mailserver.services.workspace.appointments import Wanted


class CalendarsPage:
    """Calendars of an inbox, and events."""

    def __init__(self, services: Services, public_url: str) -> None:
        self._services = services
        self._base = public_url

    @get("/calendars/", scope=Scope.CALENDAR_READ)
    async def list_calendars(self, caller: Caller, query: OfInbox) -> list[shapes.CalendarShown]:
        """List the calendars of an inbox; every one has Calendar and Tasks."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        zone = times.zone(inbox.default_timezone)
        return [self._shown(each, zone) for each in await self._services.calendars.of_inbox(inbox)]

    @post(
        "/calendars/", scope=Scope.CALENDAR_WRITE, status=201, repeatable=True,
        answers={409: "There is a calendar of this name."},
    )  # fmt: skip
    async def create_calendar(self, caller: Caller, body: shapes.CreateCalendar) -> shapes.CalendarShown:
        """Make a calendar."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        made = await self._services.calendars.create(inbox, body.name, body.kind)
        return self._shown(made, times.zone(inbox.default_timezone))

    @patch("/calendars/{calendar_id}/", scope=Scope.CALENDAR_WRITE)
    async def change_calendar(
        self, caller: Caller, calendar_id: str, body: shapes.ChangeCalendar
    ) -> shapes.CalendarShown:
        """Name a calendar otherwise, or give it another subscription URL."""
        changed = await self._services.calendars.change(
            caller, calendar_id, body.name, renews_feed=body.renew_subscription,
            inbox=await self._named(caller, body.inbox_id),
        )  # fmt: skip
        return self._shown(changed, await self._zone(caller, changed.inbox_id))

    @delete(
        "/calendars/{calendar_id}/", scope=Scope.CALENDAR_WRITE, status=204,
        answers={409: "The inbox was made with this calendar."},
    )  # fmt: skip
    async def delete_calendar(self, caller: Caller, calendar_id: str, query: OfInbox) -> None:
        """Delete a calendar with everything in it."""
        await self._services.calendars.remove(caller, calendar_id, await self._named(caller, query.inbox_id))

    @post("/calendar/events/", scope=Scope.CALENDAR_WRITE, status=201, repeatable=True)
    async def create_event(self, caller: Caller, body: shapes.CreateEvent) -> shapes.EventShown:
        """Make an event."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        local = times.zone(body.time_zone or inbox.default_timezone)
        made = await self._services.appointments.create(caller, inbox, body.calendar_id, _wanted(body, local))
        return _event(made, times.zone(inbox.default_timezone))

    @get("/calendar/events/", scope=Scope.CALENDAR_READ)
    async def list_events(self, caller: Caller, query: shapes.ListEvents) -> shapes.EventList:
        """List events by their start."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        zone = times.zone(inbox.default_timezone)
        found, total = await self._services.appointments.page(
            caller, inbox, query.calendar_id, moments.read(query.after, zone, "after"),
            moments.read(query.before, zone, "before"), query.position, query.limit,
        )  # fmt: skip
        return shapes.EventList(
            results=[_event(each, zone) for each in found], total=total, position=query.position, limit=query.limit
        )

    @get("/calendar/events/{event_id}/", scope=Scope.CALENDAR_READ)
    async def get_event(self, caller: Caller, event_id: str, query: OfInbox) -> shapes.EventShown:
        """Get an event."""
        found = await self._services.appointments.get(caller, event_id, await self._named(caller, query.inbox_id))
        return _event(found, await self._zone(caller, found.inbox_id))

    @patch("/calendar/events/{event_id}/", scope=Scope.CALENDAR_WRITE)
    async def change_event(self, caller: Caller, event_id: str, body: shapes.ChangeEvent) -> shapes.EventShown:
        """Change an event; the status cancelled calls it off."""
        inbox = await self._named(caller, body.inbox_id)
        known = await self._services.appointments.get(caller, event_id, inbox)
        zone = await self._zone(caller, known.inbox_id)
        local = times.zone(body.time_zone or known.time_zone) or zone
        changed = await self._services.appointments.change(caller, event_id, _wanted(body, local), inbox)
        return _event(changed, zone)

    @delete("/calendar/events/{event_id}/", scope=Scope.CALENDAR_WRITE, status=204)
    async def delete_event(self, caller: Caller, event_id: str, query: OfInbox) -> None:
        """Delete an event, which calls it off."""
        await self._services.appointments.remove(caller, event_id, await self._named(caller, query.inbox_id))

    async def _named(self, caller: Caller, wanted: str | None) -> Inbox | None:
        return await self._services.inboxes.of(caller, wanted) if wanted else None

    async def _zone(self, caller: Caller, inbox_id: int) -> tzinfo | None:
        inbox = await self._services.inboxes.of(caller, identifiers.encode(Kind.INBOX, inbox_id))
        return times.zone(inbox.default_timezone)

    def _shown(self, calendar: Calendar, zone: tzinfo | None) -> shapes.CalendarShown:
        calendar_id = identifiers.encode(Kind.CALENDAR, calendar.id)
        token = self._services.calendars.token(calendar)
        return shapes.CalendarShown(
            calendar_id=calendar_id,
            inbox_id=identifiers.encode(Kind.INBOX, calendar.inbox_id),
            name=calendar.name,
            kind=calendar.kind.value,
            is_default=calendar.is_default,
            subscription_url=f"{self._base}/v1/calendars/{calendar_id}.ics?token={token}",
            created_at=times.write(calendar.created_at, zone),
        )


def _wanted(body: shapes.CreateEvent | shapes.ChangeEvent, local: tzinfo | None) -> Wanted:
    given = body.model_fields_set

    def text(field: str) -> str | None:
        value: str | None = getattr(body, field)
        return "" if value is None and field in given else value

    return Wanted(
        title=body.title,
        start_at=moments.read(body.start, local, "start"),
        duration_ms=moments.duration(body.duration),
        time_zone=text("time_zone"),
        description=text("description"),
        status=body.status,
        location=text("location"),
        participants=(
            tuple(Participant(each.email.strip(), each.name, each.role) for each in body.participants)
            if body.participants is not None
            else None
        ),
    )


def _event(event: CalendarEvent, zone: tzinfo | None) -> shapes.EventShown:
    return shapes.EventShown(
        event_id=identifiers.encode(Kind.CALENDAR_EVENT, event.id),
        calendar_id=identifiers.encode(Kind.CALENDAR, event.calendar_id),
        inbox_id=identifiers.encode(Kind.INBOX, event.inbox_id),
        title=event.title,
        start=times.write(event.start_at, times.zone(event.time_zone)),
        duration=moments.written(event.end_at - event.start_at),
        time_zone=event.time_zone,
        description=event.description,
        status=event.status.value,
        location=event.location,
        participants=[
            shapes.ParticipantShown(email=each.email, name=each.name, role=each.role) for each in event.participants
        ],
        created_at=times.write(event.created_at, zone),
        updated_at=times.write(event.updated_at, zone),
    )
