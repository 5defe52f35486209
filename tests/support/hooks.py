"""What the scene has of webhooks: a valid request for each endpoint, and a1's objects."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind

ONE = "/v1/webhooks/{webhook_id}/"
URL = "https://hooks.remote.test/a"
UNKNOWN = {
    "webhook_id": identifiers.encode(Kind.WEBHOOK, 7),
    "webhook_delivery_id": identifiers.encode(Kind.WEBHOOK_DELIVERY, 7),
}
OBJECTS: dict[str, tuple[str, ...]] = {"webhook_id": ("webhook_id",), "delivery_id": ("webhook_delivery_id",)}
SPARE = {("DELETE", ONE): ("webhook_id", "spare_webhook_id")}
PLAIN = {
    "url", "events", "description", "enabled", "headers", "type", "webhook_url", "webhook_events", "webhook_secret"
}  # fmt: skip
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/webhooks/"): {"url": URL, "events": ["message.received"], "headers": {"Authorization": "Bearer x"}},
    ("PATCH", ONE): {"description": "Ours", "events": []},
}
WITHOUT_BODY = {
    ("POST", f"{ONE}rotate/"), ("POST", f"{ONE}test/"), ("POST", f"{ONE}deliveries/{{delivery_id}}/redeliver/")
}  # fmt: skip
TABLES = ("webhook_endpoint", "webhook_delivery")


async def furnish(site: Any) -> dict[str, str]:
    """Put a webhook on the stage that was tried once, and one that nobody needs."""
    token, made = site.tokens["a1"], []
    for path in ("secret", "needless"):
        body = {"url": f"https://hooks.remote.test/{path}", "description": "Secret receiver"}
        answer = await site.call("POST", "/v1/webhooks/", token, json=body)
        assert answer.status == 201, answer.content
        made.append(answer.json["webhook_id"])
    tried = (await site.call("POST", f"/v1/webhooks/{made[0]}/test/", token)).json
    return {"webhook_id": made[0], "spare_webhook_id": made[1], "webhook_delivery_id": tried["delivery_id"]}
