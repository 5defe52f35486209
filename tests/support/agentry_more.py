"""What the scene has of the rest of the Agentry face: keys, webhooks, and who is asking."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind

BASE = "/agent/v0"
INBOX = f"{BASE}/inboxes/{{inbox_id}}"
UNKNOWN = {"api_key_id": identifiers.encode(Kind.API_KEY, 7)}
OBJECTS: dict[str, tuple[str, ...]] = {"api_key_id": ("api_key_id",)}
PLAIN = {"permissions"}
BODIES: dict[tuple[str, str], dict[str, Any]] = {}
for _base in (BASE, INBOX):
    BODIES["POST", f"{_base}/api-keys"] = {"name": "bot", "permissions": {"message_send": True, "draft_read": False}}
    BODIES["PATCH", f"{_base}/api-keys/{{api_key_id}}"] = {"name": "another"}
SPARES = {
    ("DELETE", f"{BASE}/api-keys/{{api_key_id}}"): {"api_key_id": "spare_key_1"},
    ("DELETE", f"{INBOX}/api-keys/{{api_key_id}}"): {"inbox_id": "inbox_address", "api_key_id": "spare_key_2"},
}


async def furnish(site: Any) -> dict[str, str]:
    """Put keys on the stage."""
    key, address = site.tokens["a key"], site.inboxes["a1"].address
    things = {}
    for name in ("api_key_id", "spare_key_1", "spare_key_2"):
        made = await site.call("POST", f"{BASE}/inboxes/{address}/api-keys", key, json={"name": f"Secret {name}"})
        assert made.status == 200, made.content
        things[name] = made.json["api_key_id"]
    return things
