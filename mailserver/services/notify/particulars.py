"""An event with what people want to know of the message that it is about: who wrote it, to whom, and what about."""

import json
from typing import Any

import orjson

from mailserver.entities import identifiers
from mailserver.entities.event import Event
from mailserver.entities.identifiers import Kind
from mailserver.services.notify import telling
from mailserver.storage import messages
from mailserver.storage.database import Snapshot


def told(snapshot: Snapshot, event: Event) -> dict[str, Any]:
    """An event as it is told, with fields of its message where that is still there; its own stay as they are."""
    shown = telling.shown(event)
    data = shown["data"]
    found = messages.told(snapshot, number) if (number := _message(data)) is not None else None
    if found is not None:
        people = orjson.loads(found.people)
        address, name = people["from"][0] if people["from"] else ("", None)
        shown["data"] = {
            "from_address": address, "from_name": name or address, "from_domain": address.rpartition("@")[2],
            "to_addresses": [each[0] for each in people["to"]], "subject": found.subject, "preview": found.preview,
            "has_attachment": found.has_attachment, **data,
        }  # fmt: skip
    return shown


def text(shown: dict[str, Any]) -> str:
    """What is told as the text that is signed and sent."""
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def _message(fields: dict[str, Any]) -> int | None:
    try:
        return identifiers.decode(Kind.MESSAGE, str(fields.get("message_id")))
    except identifiers.BadIdentifier:
        return None
