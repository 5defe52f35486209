"""What the scene has of enrichment: a summary, a label and an event that are suggested for a1's message."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.mail import occasion
from mailserver.mail.address import Person
from mailserver.storage import suggestions
from mailserver.storage.database import Transaction

ALL_ON = {"thread_summary": True, "label_suggest": True, "calendar_suggest": True}
PLAIN = {
    "features", "features.thread_summary", "features.label_suggest", "features.calendar_suggest", "provider",
    "endpoint", "model", "api_key",
}  # fmt: skip
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("PUT", "/v1/enrichment/"): {"features": ALL_ON, "provider": "builtin"},
    ("POST", "/v1/messages/{message_id}/suggested-events/"): {},
}
WITHOUT_BODY = {("POST", "/v1/messages/{message_id}/suggested-labels/{label_id}/")}
TABLES = (
    "enrichment", "enrichment_key", "enrichment_request", "label_suggestion", "event_suggestion", "thread_summary",
)  # fmt: skip
START = 2_000_000_000_000


async def furnish(site: Any, things: dict[str, str]) -> None:
    """Switch everything on for a1, suggest a label and an event for its message, and sum its thread up."""
    token, house = site.tokens["a1"], site.house
    assert (await site.call("PUT", "/v1/enrichment/", token, json={"features": ALL_ON})).status == 200
    path = f"/v1/messages/threads/{things['thread_id']}/summary/"
    assert (await site.call("GET", path, token)).status == 202
    await house.services.enrichment.worker.once()
    message_id = identifiers.decode(Kind.MESSAGE, things["message_id"])
    label_id = identifiers.decode(Kind.LABEL, things["label_id"])
    inbox_id = site.inboxes["a1"].id
    found = occasion.made("Secret supper", START, None, "Room B", "Bring bread.", (Person("alice@remote.test", "Al"),))

    def write(tx: Transaction) -> None:
        suggestions.put_labels(tx, message_id, inbox_id, {label_id: 0.84}, START)
        suggestions.put_event(tx, message_id, inbox_id, found, START)

    await house.store.database.write(write)
