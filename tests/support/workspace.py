"""What the scene has of contacts, calendars, tasks and labels: a valid request for each endpoint, and a1's objects."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind

UNKNOWN = {
    "calendar_id": identifiers.encode(Kind.CALENDAR, 7),
    "calendar_event_id": identifiers.encode(Kind.CALENDAR_EVENT, 7),
    "task_id": identifiers.encode(Kind.TASK, 7),
}
OBJECTS: dict[str, tuple[str, ...]] = {
    "calendar_id": ("calendar_id",),
    "event_id": ("calendar_event_id",),
    "task_id": ("task_id",),
}
SPARE = {("DELETE", "/v1/calendars/{calendar_id}/"): ("calendar_id", "spare_calendar_id")}
PLAIN = {
    "name", "renew_subscription", "title", "start", "duration", "time_zone", "description", "location",
    "participants", "participants.email", "participants.name", "participants.role", "completed", "summary", "due_at",
    "days",
}  # fmt: skip
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/calendars/"): {"name": "Team", "kind": "events"},
    ("PATCH", "/v1/calendars/{calendar_id}/"): {"name": "Renamed", "renew_subscription": True},
    ("POST", "/v1/calendar/events/"): {
        "title": "Standup", "start": "2026-06-03T10:00:00", "duration": "30 minutes", "time_zone": "Europe/Berlin",
        "participants": [{"name": "Alice", "email": "alice@remote.test", "role": "required"}],
    },
    ("PATCH", "/v1/calendar/events/{event_id}/"): {"status": "tentative", "location": "Room B"},
    ("POST", "/v1/tasks/"): {"summary": "Call Alice", "due_at": "in 2 hours"},
    ("PATCH", "/v1/tasks/{task_id}/"): {"completed": True},
}  # fmt: skip
TABLES = ("calendar", "calendar_event", "task")


async def furnish(site: Any, message_id: str) -> dict[str, str]:
    """Put one of everything on the stage, for a1."""
    token = site.tokens["a1"]

    async def made(path: str, **body: Any) -> Any:
        answer = await site.call("POST", path, token, json=body)
        assert answer.status == 201, (path, answer.content)
        return answer.json

    (calendar, *_) = (await site.call("GET", "/v1/calendars/", token)).json
    event = await made("/v1/calendar/events/", title="Secret dinner", start="2026-06-04T10:00:00Z", duration="PT1H")
    task = await made("/v1/tasks/", summary="Secret errand", message_id=message_id)
    spare = await made("/v1/calendars/", name="Spare")
    return {
        "calendar_id": calendar["calendar_id"],
        "spare_calendar_id": spare["calendar_id"],
        "calendar_event_id": event["event_id"],
        "task_id": task["task_id"],
    }
