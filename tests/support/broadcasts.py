"""What the scene has of broadcasts: one under way, one for each verb that ends something, and its public addresses."""

import re
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind

UNKNOWN = {
    "broadcast_id": identifiers.encode(Kind.BROADCAST, 7),
    "link_id": "00000000-0000-4000-8000-000000000000",
    "leaving_token": "nobody",
}
OBJECTS: dict[str, tuple[str, ...]] = {
    "broadcast_id": ("broadcast_id",),
    "link_id": ("link_id",),
    "token": ("leaving_token",),
}
PATH = "/v1/messages/broadcasts/{broadcast_id}"
SPARE = {
    ("POST", f"{PATH}/resume/"): ("broadcast_id", "paused_broadcast_id"),
    ("POST", f"{PATH}/cancel/"): ("broadcast_id", "cancelled_broadcast_id"),
}
WITHOUT_BODY = {("POST", f"{PATH}/{verb}/") for verb in ("pause", "resume", "cancel")}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/messages/broadcast/"): {
        "label_id": "label_id", "subject": "Monthly update", "text_body": "Hello.", "html_body": "<p>Hello.</p>",
    },
}  # fmt: skip
FORM = {"List-Unsubscribe": "One-Click"}  # of the one endpoint that takes a form
LEAVE = ("POST", "/v1/unsubscribe/{token}/")
TABLES = ("broadcast", "broadcast_text", "broadcast_recipient", "broadcast_link", "opt_out")


def body(method: str, path: str, things: dict[str, str]) -> dict[str, Any]:
    """A valid body, with the ids of a1's objects in it."""
    return {name: things.get(value, value) for name, value in BODIES[method, path].items()}


async def furnish(site: Any, things: dict[str, str]) -> dict[str, str]:
    """Put broadcasts on the stage, for a1, the first of them in the queue."""
    token, house = site.tokens["a1"], site.house
    entity = {"entity_type": "contact", "entity_id": things["contact_id"]}
    answer = await site.call("POST", f"/v1/context/{things['label_id']}/entities/", token, json=entity)
    assert answer.status == 201, answer.content
    wanted = {
        "label_id": things["label_id"], "subject": "Secret news",
        "html_body": '<a href="https://remote.test/secret">x</a>',
    }  # fmt: skip
    made = []
    for _ in range(3):
        answer = await site.call("POST", "/v1/messages/broadcast/", token, json=wanted)
        assert answer.status == 202, answer.content
        made.append(answer.json["broadcast_id"])
    await house.services.broadcasting.feeder.once()
    await site.call("POST", f"/v1/messages/broadcasts/{made[1]}/pause/", token)
    (place,) = await house.rows("SELECT q.location FROM queued q WHERE q.envid = ?", made[0])
    letter = (house.store.directory / "mail" / place[0]).read_text()
    found = re.search(r"List-Unsubscribe: <\S+/([\w-]+)/>", letter)
    assert found is not None
    (link,) = await house.rows(
        "SELECT id FROM broadcast_link WHERE broadcast_id = ?", identifiers.decode(Kind.BROADCAST, made[0])
    )
    return {
        "broadcast_id": made[0],
        "paused_broadcast_id": made[1],
        "cancelled_broadcast_id": made[2],
        "leaving_token": found[1],
        "link_id": link[0],
    }
