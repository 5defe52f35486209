"""What the scene has of the rest of the Agentry face: keys, webhooks, and who is asking."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind

BASE = "/agent/v0"
INBOX = f"{BASE}/inboxes/{{inbox_id}}"
UNKNOWN = {
    "api_key_id": identifiers.encode(Kind.API_KEY, 7), "agent_webhook_id": identifiers.encode(Kind.WEBHOOK, 7),
    "pod_id": identifiers.encode(Kind.POD, 7),
}  # fmt: skip
_INBOX = ("inbox_id", "inbox_address")
OBJECTS: dict[str, tuple[str, ...]] = {
    "domain_id": ("domain_name",), "api_key_id": ("api_key_id",),
    "pod_id": ("pod_id",), "pod_ids": ("pod_id",), "add_pod_ids": ("pod_id",), "remove_pod_ids": ("pod_id",),
    "inbox_ids": _INBOX, "add_inbox_ids": _INBOX, "remove_inbox_ids": _INBOX,
}  # fmt: skip
PLAIN = {
    "permissions", "event_types", "remove_headers", "allow_conflicting_provider", "feedback_enabled",
    "inbound_enabled", "subdomains_enabled", "tracking_enabled",
}  # fmt: skip
HOOK = {"url": "https://hooks.remote.test/a", "event_types": ["message.received"], "headers": {"X-Team": "a"}}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", f"{BASE}/domains"): {"domain": "agent-claimed.test", "feedback_enabled": True},
    ("POST", f"{BASE}/domains/{{domain_id}}/verify"): {},
    ("PATCH", f"{BASE}/domains/{{domain_id}}"): {"inbound_enabled": True},
}
for _base in (BASE, INBOX):
    BODIES["POST", f"{_base}/api-keys"] = {"name": "bot", "permissions": {"message_send": True, "draft_read": False}}
    BODIES["PATCH", f"{_base}/api-keys/{{api_key_id}}"] = {"name": "another"}
    _hook = f"{_base}/webhooks/{{webhook_id}}"
    BODIES["POST", f"{_base}/webhooks"] = HOOK
    BODIES["PATCH", _hook] = {"event_types": ["message.sent"], "enabled": True}
    BODIES["PATCH", f"{_hook}/headers"] = {"headers": {"X-More": "b"}, "remove_headers": ["X-Team"]}
SPARES = {
    ("DELETE", f"{BASE}/domains/{{domain_id}}"): {"domain_id": "agent_spare_domain"},
    ("DELETE", f"{BASE}/api-keys/{{api_key_id}}"): {"api_key_id": "spare_key_1"},
    ("DELETE", f"{INBOX}/api-keys/{{api_key_id}}"): {"inbox_id": "inbox_address", "api_key_id": "spare_key_2"},
    ("DELETE", f"{BASE}/webhooks/{{webhook_id}}"): {"webhook_id": "spare_hook_1"},
    ("DELETE", f"{INBOX}/webhooks/{{webhook_id}}"): {"inbox_id": "inbox_address", "webhook_id": "spare_hook_2"},
}


async def furnish(site: Any) -> dict[str, str]:
    """Put keys on the stage."""
    key, address = site.tokens["a key"], site.inboxes["a1"].address
    made = await site.call("POST", f"{BASE}/domains", key, json={"domain": "agent-spare.test"})
    assert made.status == 200, made.content
    things = {"agent_spare_domain": made.json["domain_id"]}
    for name in ("api_key_id", "spare_key_1", "spare_key_2"):
        made = await site.call("POST", f"{BASE}/inboxes/{address}/api-keys", key, json={"name": f"Secret {name}"})
        assert made.status == 200, made.content
        things[name] = made.json["api_key_id"]
    for name in ("agent_webhook_id", "spare_hook_1", "spare_hook_2"):
        made = await site.call("POST", f"{BASE}/inboxes/{address}/webhooks", key, json=HOOK)
        assert made.status == 200, made.content
        things[name] = made.json["webhook_id"]
    inbox = (await site.call("GET", f"{BASE}/inboxes/{address}", key)).json
    return things | {"pod_id": inbox["pod_id"]}
