"""What the scene has of contacts, calendars, tasks and labels: a valid request for each endpoint, and a1's objects."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind

UNKNOWN = {
    "calendar_id": identifiers.encode(Kind.CALENDAR, 7),
    "calendar_event_id": identifiers.encode(Kind.CALENDAR_EVENT, 7),
    "task_id": identifiers.encode(Kind.TASK, 7),
    "label_id": identifiers.encode(Kind.LABEL, 7),
    "contact_id": identifiers.encode(Kind.CONTACT, 7),
    "commitment_id": identifiers.encode(Kind.COMMITMENT, 7),
    "alert_id": identifiers.encode(Kind.ALERT, 7),
    "rule_id": identifiers.encode(Kind.WORKFLOW, 7),
}
OBJECTS: dict[str, tuple[str, ...]] = {
    "calendar_id": ("calendar_id",),
    "event_id": ("calendar_event_id",),
    "task_id": ("task_id",),
    "label_id": ("label_id",),
    "contact_id": ("contact_id",),
    "entity_id": ("contact_id",),
    "commitment_id": ("commitment_id",),
    "alert_id": ("alert_id",),
    "rule_id": ("rule_id",),
    "writes.target.label_id": ("label_id",),
}
SPARE = {
    ("DELETE", "/v1/calendars/{calendar_id}/"): ("calendar_id", "spare_calendar_id"),
    ("DELETE", "/v1/labels/{label_id}/"): ("label_id", "spare_label_id"),
}
TEAM = {"label_id"}  # objects that every inbox of a tenant may name
PLAIN = {
    "name", "renew_subscription", "title", "start", "duration", "time_zone", "description", "location",
    "participants", "participants.email", "participants.name", "participants.role", "completed", "summary", "due_at",
    "days", "contact_address", "text", "owner", "full_name", "emails", "emails.label", "emails.address", "phones",
    "phones.label", "phones.number", "notes", "anniversaries", "anniversaries.type", "anniversaries.date", "format",
    "content", "key", "color", "group", "label_key", "source", "confidence", "entity_type", "since", "cursor",
    "events", "delivery", "delivery.type", "delivery.target", "offset", "offset.value", "offset.unit", "filter",
    "threshold", "enabled", "retries", "backoff", "trigger", "conditions", "conditions.field", "conditions.op",
    "conditions.value", "writes", "writes.source", "writes.source.from", "writes.target", "writes.target.type",
    "writes.target.url", "writes.target.event_type", "writes.target.summary", "writes.contract",
    "writes.contract.required",
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
    ("POST", "/v1/labels/"): {"name": "Big Customers", "type": "any", "color": "#1A2B3C", "group": "sales"},
    ("PATCH", "/v1/labels/{label_id}/"): {"name": "Small customers", "color": None},
    ("POST", "/v1/context/{label_id}/entities/"): {"entity_type": "contact", "entity_id": "contact_id"},
    ("POST", "/v1/messages/{message_id}/labels/"): {"label_id": "label_id"},
    ("POST", "/v1/messages/threads/{thread_id}/labels/"): {"label_id": "label_id", "confidence": 0.5},
    ("POST", "/v1/contacts/"): {
        "full_name": "Bob Builder", "emails": [{"label": "work", "address": "bob@remote.test"}],
        "phones": [{"number": "+49 30 1234"}], "notes": "Builds.",
        "anniversaries": [{"type": "birthday", "date": "--03-19"}],
    },
    ("PATCH", "/v1/contacts/{contact_id}/"): {"notes": None, "phones": []},
    ("POST", "/v1/alerts/"): {
        "events": ["event.created"], "delivery": {"type": "webhook", "target": "https://remote.test/hook"},
        "offset": {"value": 15, "unit": "minutes"}, "filter": {"title": "Standup"}, "backoff": "fixed",
    },
    ("PATCH", "/v1/alerts/{alert_id}/"): {"offset": None, "threshold": 80, "enabled": False},
    ("POST", "/v1/alerts/test/"): {"delivery": {"type": "task", "target": "Look at {message}"}},
    ("POST", "/v1/workflows/"): {
        "name": "Leads", "trigger": "email_received",
        "conditions": [{"field": "to_address", "op": "eq", "value": "leads@local.test"}],
        "writes": [{
            "source": {"from": "event.payload"},
            "target": {"type": "webhook", "url": "https://remote.test/leads", "event_type": "workflow.lead"},
            "contract": {"required": ["summary"]},
        }],
    },
    ("PATCH", "/v1/workflows/{rule_id}/"): {"name": "Leads, again", "enabled": False},
    ("POST", "/v1/commitments/"): {"contact_address": "friend@remote.test", "text": "Send it", "owner": "us"},
    ("PATCH", "/v1/commitments/{commitment_id}/"): {"status": "done"},
    ("POST", "/v1/contacts/import/"): {"format": "csv", "content": "name,email\nCarl,carl@remote.test\n"},
}  # fmt: skip
QUERIES = {
    ("GET", "/v1/activity/"): {"address": "alice@remote.test"},
    ("GET", "/v1/messages/threads/"): {"ticket": "true"},
}  # what a GET cannot do without
TABLES = (
    "calendar", "calendar_event", "task", "contact", "contact_address", "label_entity", "commitment", "activity",
    "relationship", "alert", "alert_due", "workflow", "workflow_run",
)  # fmt: skip


def body(method: str, path: str, things: dict[str, str]) -> dict[str, Any] | None:
    """A valid body, with the ids of a1's objects in it."""
    found = BODIES.get((method, path))
    return (
        {k: things.get(v, v) if k in OBJECTS and isinstance(v, str) else v for k, v in found.items()} if found else None
    )


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
    contact = await made("/v1/contacts/", full_name="Secret Friend", emails=[{"address": "friend@remote.test"}])
    label = await made("/v1/labels/", name="Customers")
    needless = await made("/v1/labels/", name="Needless")
    promise = await made("/v1/commitments/", contact_id=contact["id"], text="Secret promise")
    alert = await made(
        "/v1/alerts/", events=["message.received"], delivery={"type": "task", "target": "Secret {subject}"}
    )
    write = {"source": {"from": "event.payload"}, "target": {"type": "task"}}
    rule = await made("/v1/workflows/", name="Secret rule", trigger="label_applied", writes=[write])
    return {
        "alert_id": alert["id"],
        "rule_id": rule["rule_id"],
        "commitment_id": promise["commitment_id"],
        "contact_id": contact["id"],
        "label_id": label["label_id"],
        "spare_label_id": needless["label_id"],
        "calendar_id": calendar["calendar_id"],
        "spare_calendar_id": spare["calendar_id"],
        "calendar_event_id": event["event_id"],
        "task_id": task["task_id"],
    }
