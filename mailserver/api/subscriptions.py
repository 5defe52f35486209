"""Calendars for programs that subscribe to them: a signed address, without a login."""

import asyncio

from aiohttp import web

from mailserver.entities import errors, identifiers
from mailserver.entities.calendar import CalendarEvent
from mailserver.entities.identifiers import Kind
from mailserver.entities.task import Task
from mailserver.mail import icalendar
from mailserver.mail.icalendar import Entry
from mailserver.services.registry import Services

PATH = "/v1/calendars/{calendar_id}.ics"


class Subscriptions:
    """Serves a calendar as iCalendar (RFC 5545)."""

    def __init__(self, services: Services, hostname: str) -> None:
        self._services = services
        self._hostname = hostname

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The calendar; 404 where the token is not its own, or not any more."""
        calendar_id, token = request.match_info["calendar_id"], request.query.get("token", "")
        try:
            calendar, events, tasks = await self._services.calendars.subscribed(calendar_id, token)
        except errors.NotFound as error:
            return web.json_response({"error": "not_found", "message": error.message}, status=404)
        except errors.Temporary as error:
            return web.json_response({"error": "unavailable", "message": error.message}, status=503)
        entries = [self._event(each) for each in events] + [self._task(each) for each in tasks]
        content = await asyncio.to_thread(icalendar.write, calendar.name, entries)
        headers = {"Content-Type": "text/calendar; charset=utf-8", "Cache-Control": "private, no-store"}
        return web.Response(body=content, headers=headers)

    def _event(self, event: CalendarEvent) -> Entry:
        people = tuple((each.email, each.name) for each in event.participants)
        return Entry(
            self._uid(Kind.CALENDAR_EVENT, event.id), False, event.title, event.status.value.upper(), event.updated_at,
            event.start_at, event.end_at, event.description, event.location, people,
        )  # fmt: skip

    def _task(self, task: Task) -> Entry:
        status = "NEEDS-ACTION" if task.completed_at is None else "COMPLETED"
        return Entry(
            self._uid(Kind.TASK, task.id), True, task.summary, status, task.updated_at, task.due_at,
            task.completed_at, task.description,
        )  # fmt: skip

    def _uid(self, kind: Kind, number: int) -> str:
        return f"{identifiers.encode(kind, number)}@{self._hostname}"
