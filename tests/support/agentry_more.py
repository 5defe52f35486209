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
POD = f"{BASE}/pods/{{pod_id}}"
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
BODIES |= {(method, path.replace(BASE, POD)): dict(each) for (method, path), each in BODIES.items()}
BODIES |= {
    ("POST", f"{BASE}/pods"): {"name": "Customer", "client_id": "customer-1"},
    ("POST", f"{POD}/domains"): {"domain": "agent-pod-claimed.test"},
    ("POST", f"{POD}/inboxes"): {"username": "made-in-pod", "client_id": "made-in-pod-1"},
    ("PATCH", f"{POD}/inboxes/{{inbox_id}}"): {"display_name": "Named"},
    ("PATCH", f"{POD}/threads/{{thread_id}}"): {"add_labels": ["done"]},
}
for _base in (BASE, INBOX, POD):
    BODIES["POST", f"{_base}/api-keys"] = {"name": "bot", "permissions": {"message_send": True, "draft_read": False}}
    BODIES["PATCH", f"{_base}/api-keys/{{api_key_id}}"] = {"name": "another"}
    _hook = f"{_base}/webhooks/{{webhook_id}}"
    BODIES["POST", f"{_base}/webhooks"] = HOOK
    BODIES["PATCH", _hook] = {"event_types": ["message.sent"], "enabled": True}
    BODIES["PATCH", f"{_hook}/headers"] = {"headers": {"X-More": "b"}, "remove_headers": ["X-Team"]}
SPARES = {
    ("DELETE", f"{BASE}/domains/{{domain_id}}"): {"domain_id": "agent_spare_domain"},
    ("DELETE", POD): {"pod_id": "spare_pod"},
    ("DELETE", f"{POD}/inboxes/{{inbox_id}}"): {"pod_id": "pod_id", "inbox_id": "spare_pod_inbox"},
    ("DELETE", f"{POD}/threads/{{thread_id}}"): {"pod_id": "pod_id", "thread_id": "agent_spare_thread_4"},
    ("DELETE", f"{POD}/domains/{{domain_id}}"): {"pod_id": "pod_id", "domain_id": "spare_pod_domain"},
    ("DELETE", f"{POD}/api-keys/{{api_key_id}}"): {"pod_id": "pod_id", "api_key_id": "spare_key_3"},
    ("DELETE", f"{POD}/webhooks/{{webhook_id}}"): {"pod_id": "pod_id", "webhook_id": "spare_hook_3"},
    ("DELETE", f"{BASE}/api-keys/{{api_key_id}}"): {"api_key_id": "spare_key_1"},
    ("DELETE", f"{INBOX}/api-keys/{{api_key_id}}"): {"inbox_id": "inbox_address", "api_key_id": "spare_key_2"},
    ("DELETE", f"{BASE}/webhooks/{{webhook_id}}"): {"webhook_id": "spare_hook_1"},
    ("DELETE", f"{INBOX}/webhooks/{{webhook_id}}"): {"inbox_id": "inbox_address", "webhook_id": "spare_hook_2"},
}


async def furnish(site: Any) -> dict[str, str]:
    """Put keys, webhooks and pods on the stage; `p key` is of another pod of tenant A, with the inbox p1."""
    key, address = site.tokens["a key"], site.inboxes["a1"].address
    things = {}
    for name, domain in (("agent_spare_domain", "agent-spare.test"), ("spare_pod_domain", "pod-spare.test")):
        made = await site.call("POST", f"{BASE}/domains", key, json={"domain": domain})
        assert made.status == 200, made.content
        things[name] = made.json["domain_id"]
    made = await site.call("POST", f"{BASE}/inboxes", key, json={"username": "spare-in-pod"})
    things["spare_pod_inbox"] = made.json["inbox_id"]
    made = await site.call("POST", f"{BASE}/pods", key, json={"name": "Spare"})
    things["spare_pod"] = made.json["pod_id"]
    await _other_pod(site)
    for name in ("api_key_id", "spare_key_1", "spare_key_2", "spare_key_3"):
        made = await site.call("POST", f"{BASE}/inboxes/{address}/api-keys", key, json={"name": f"Secret {name}"})
        assert made.status == 200, made.content
        things[name] = made.json["api_key_id"]
    for name in ("agent_webhook_id", "spare_hook_1", "spare_hook_2", "spare_hook_3"):
        made = await site.call("POST", f"{BASE}/inboxes/{address}/webhooks", key, json=HOOK)
        assert made.status == 200, made.content
        things[name] = made.json["webhook_id"]
    inbox = (await site.call("GET", f"{BASE}/inboxes/{address}", key)).json
    path = f"{BASE}/pods/{inbox['pod_id']}/lists/receive/block"
    made = await site.call("POST", path, key, json={"entry": "spammer@bad.test"})
    assert made.status == 200, made.content
    return things | {"pod_id": inbox["pod_id"]}


async def _other_pod(site: Any) -> None:
    """A pod whose key must not learn of what is in another one."""
    key = site.tokens["a key"]
    pod = (await site.call("POST", f"{BASE}/pods", key, json={"name": "Other"})).json["pod_id"]
    made = await site.call("POST", f"{BASE}/pods/{pod}/inboxes", key, json={"username": "p1"})
    assert made.status == 200, made.content
    site.inboxes["p1"] = await site.house.services.inboxes.at(made.json["inbox_id"])
    site.tokens["p1"] = await site.token("agent", site.inboxes["p1"])
    made = await site.call("POST", f"{BASE}/pods/{pod}/api-keys", key, json={"name": "of the other pod"})
    assert made.status == 200, made.content
    site.tokens["p key"] = made.json["api_key"]
