"""An event as others are told of it: its name, and its body with ids and times written as everywhere outside."""

import json
from datetime import UTC, datetime
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import Kind

ANNIVERSARY_TYPE = "anniversary_type"  # the field of a contact.anniversary that its told name has at its end
_NAMES = {EventType.MESSAGE_COMPLAINED: "message.spam_complaint"}
_KINDS = {
    "message_id": Kind.MESSAGE, "thread_id": Kind.THREAD, "delivery_id": Kind.DELIVERY, "inbox_id": Kind.INBOX,
    "label_id": Kind.LABEL, "contact_id": Kind.CONTACT, "task_id": Kind.TASK, "broadcast_id": Kind.BROADCAST,
}  # fmt: skip


def name(event: Event) -> str:
    """What the event is called outside."""
    if event.type is EventType.CONTACT_ANNIVERSARY:
        return f"contact.{event.body.get(ANNIVERSARY_TYPE, 'anniversary')}"
    return renamed(event.type)


def renamed(kind: EventType) -> str:
    """What a type is called outside."""
    return _NAMES.get(kind, kind.value)


def shown(event: Event) -> dict[str, Any]:
    """The event as JSON: what a webhook's body is."""
    return {
        "type": name(event),
        "event_id": identifiers.encode(Kind.EVENT, event.id),
        "inbox_id": identifiers.encode(Kind.INBOX, event.inbox_id) if event.inbox_id else None,
        "occurred_at": moment(event.occurred_at),
        "data": {key: _value(key, value) for key, value in event.body.items()},
    }


def message_of(event: Event) -> int | None:
    """The message that an event is about."""
    text = event.body.get("message_id")
    if type(text) is int:
        return text
    try:
        return identifiers.decode(Kind.MESSAGE, str(text))
    except identifiers.BadIdentifier:
        return None


def body(event: Event) -> str:
    """The event as the text that is signed and sent."""
    return json.dumps(shown(event), ensure_ascii=False, separators=(",", ":"))


def test(number: int, inbox_id: int | None, at: int, name: str, content: dict[str, Any]) -> str:
    """The body of something that did not happen."""
    told = {
        "type": name,
        "event_id": identifiers.encode(Kind.EVENT, number),
        "inbox_id": identifiers.encode(Kind.INBOX, inbox_id) if inbox_id else None,
        "occurred_at": moment(at),
        "data": content,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def moment(milliseconds: int) -> str:
    """A time in UTC, with its milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(key: str, value: Any) -> Any:
    if type(value) is not int:
        return value
    if key in _KINDS:
        return identifiers.encode(_KINDS[key], value)
    return moment(value) if key.endswith("_at") else value
