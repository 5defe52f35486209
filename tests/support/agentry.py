"""What the scene has of the Agentry face: a valid request for each endpoint, and a1's objects."""

import time
from typing import Any

import aiohttp

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from tests.support import agentry_more

BASE = "/agent/v0"
INBOX = f"{BASE}/inboxes/{{inbox_id}}"
UNKNOWN = {
    "draft_id": identifiers.encode(Kind.DRAFT, 7),
    "attachment_id": f"att_{identifiers.encode(Kind.MESSAGE, 7)[4:]}_2",
}
OBJECTS: dict[str, tuple[str, ...]] = {
    "draft_id": ("draft_id",),
    "attachment_id": ("attachment_id",),
    "message_ids": ("message_id", "header_id"),
    "in_reply_to": ("message_id", "header_id"),
    "forward_of": ("message_id", "header_id"),
    "remove_attachments": ("draft_attachment_id",),
    "client_id": (),  # a client's own name of a thing
    "add_attachments.content_id": (),
}
UNKNOWN["draft_attachment_id"] = UNKNOWN["attachment_id"]
PLAIN = {
    "include_unauthenticated", "from", "direction", "track_opens", "add_labels", "remove_labels", "permanent", "q",
    "senders", "recipients", "username", "metadata", "send_at", "add_attachments", "add_attachments.filename",
    "add_attachments.content_type", "add_attachments.content_disposition", "add_attachments.content",
    "add_attachments.url", "start", "end", "period", "window", "descending", "usage_types", "rate_types", "since",
    "until", "query",
}  # fmt: skip
LABELS = {"add_labels": "urgent", "remove_labels": ["unread"]}
LATER = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
LETTER = {"to": "bob@remote.test", "subject": "Hi", "text": "Hello."}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", f"{BASE}/threads/{{thread_id}}"): {"add_labels": ["done"]},
    ("PATCH", f"{INBOX}/threads/{{thread_id}}"): {"add_labels": ["done"]},
    ("POST", f"{BASE}/inboxes"): {"username": "made", "client_id": "made-1", "metadata": {"team": "a", "size": 3}},
    ("PATCH", INBOX): {"display_name": "Named", "metadata": {"team": None}},
    ("POST", f"{INBOX}/messages/send"): LETTER,
    ("POST", f"{INBOX}/messages/batch-get"): {"message_ids": ["message_id"]},
    ("POST", f"{INBOX}/messages/batch-update"): {"message_ids": ["message_id"], **LABELS},
    ("POST", f"{BASE}/search"): {"query": "Hello"},
    ("POST", f"{INBOX}/drafts"): {**LETTER, "send_at": LATER, "labels": ["later"]},
    ("PATCH", f"{INBOX}/drafts/{{draft_id}}"): {"subject": "Hi, again", "send_at": None},
    ("POST", f"{INBOX}/drafts/{{draft_id}}/send"): {"add_labels": ["sent-by-hand"]},
}  # fmt: skip
for _base in (BASE, INBOX):
    _one = f"{_base}/messages/{{message_id}}"
    BODIES["PATCH", _one] = LABELS
    for _verb in ("reply", "reply-all"):
        BODIES["POST", f"{_one}/{_verb}"] = {"text": "Thanks."}
    BODIES["POST", f"{_one}/forward"] = {"to": ["bob@remote.test"], "text": "Look."}
_IN_PODS = (f"{BASE}/pods/{{pod_id}}/inboxes", f"{BASE}/pods/{{pod_id}}/threads")
QUERIES = {
    ("GET", f"{path}/search"): {"q": "Hello"}
    for path in (f"{BASE}/inboxes", f"{BASE}/threads", f"{INBOX}/messages", f"{INBOX}/threads", *_IN_PODS)
}
TABLES = ("draft", "agent_inbox", "agent_webhook", "pod")
# what takes its object away, and which object it is asked for
SPARES = {
    ("DELETE", INBOX): {"inbox_id": "agent_spare_address"},
    ("DELETE", f"{INBOX}/messages/{{message_id}}"): {"inbox_id": "inbox_address", "message_id": "agent_spare_1"},
    ("DELETE", f"{INBOX}/threads/{{thread_id}}"): {"inbox_id": "inbox_address", "thread_id": "agent_spare_thread_2"},
    ("DELETE", f"{BASE}/threads/{{thread_id}}"): {"thread_id": "agent_spare_thread_3"},
    ("DELETE", f"{INBOX}/drafts/{{draft_id}}"): {"inbox_id": "inbox_address", "draft_id": "agent_spare_draft"},
    ("POST", f"{INBOX}/drafts/{{draft_id}}/send"): {"inbox_id": "inbox_id", "draft_id": "agent_sent_draft"},
    ("PATCH", f"{INBOX}/drafts/{{draft_id}}"): {"inbox_id": "inbox_id", "draft_id": "agent_changed_draft"},
}
UNKNOWN |= agentry_more.UNKNOWN
OBJECTS |= agentry_more.OBJECTS
PLAIN |= agentry_more.PLAIN
BODIES |= agentry_more.BODIES
SPARES |= agentry_more.SPARES
_DRAFT_PATHS = "/drafts/{draft_id}/attachments/"


def filled(path: str, names: dict[str, str], things: dict[str, str]) -> str:
    """A path with a spare object in it."""
    for name, kind in names.items():
        path = path.replace(f"{{{name}}}", str(aiohttp.client.URL.build(path=f"/{things[kind]}").raw_path)[1:])
    return path


def own(path: str, things: dict[str, str]) -> str:
    """A path whose attachment is the draft's where it is a draft's, and whose webhook is this face's."""
    if path.startswith(BASE):
        path = path.replace("{webhook_id}", things["agent_webhook_id"])
    return path.replace("{attachment_id}", things["draft_attachment_id"]) if _DRAFT_PATHS in path else path


def body(method: str, path: str, things: dict[str, str]) -> dict[str, Any]:
    """A valid body, with the ids of a1's objects in it."""
    found = dict(BODIES[method, path])
    if "message_ids" in found:
        found["message_ids"] = [things["message_id"]]
    return found


async def furnish(site: Any, message_id: str) -> dict[str, str]:
    """Put drafts, and mail and an inbox that nobody needs, on the stage."""
    key, address = site.tokens["a key"], site.inboxes["a1"].address
    things = await agentry_more.furnish(site)
    for number in (1, 2, 3, 4):
        text = await site.house.receive(
            b"From: Eve <eve@remote.test>\r\nTo: agent@local.test\r\nSubject: Spare %d\r\n"
            b"Message-ID: <spare%d@remote.test>\r\n\r\nNobody needs it.\r\n" % (number, number),
            to=[address],
        )
        await site.house.settled()
        shown = (await site.call("GET", f"{BASE}/messages/{text}", key)).json
        things |= {f"agent_spare_{number}": text, f"agent_spare_thread_{number}": shown["thread_id"]}
    for name in ("draft_id", "agent_spare_draft", "agent_sent_draft", "agent_changed_draft"):
        file = {"filename": "d.txt", "content_type": "text/plain", "content": "aGk="}
        written = {"to": ["bob@remote.test"], "subject": "Secret draft", "text": "Not yet.", "attachments": [file]}
        answer = await site.call("POST", f"{BASE}/inboxes/{address}/drafts", key, json=written)
        assert answer.status == 200, answer.content
        things[name] = answer.json["draft_id"]
        if name == "draft_id":
            things["draft_attachment_id"] = answer.json["attachments"][0]["attachment_id"]
    shown = (await site.call("GET", f"{BASE}/messages/{message_id}", key)).json
    made = await site.call("POST", f"{BASE}/inboxes", key, json={"username": "nobody-needs-it"})
    assert made.status == 200, made.content
    return things | {
        "attachment_id": shown["attachments"][0]["attachment_id"],
        "agent_spare_address": made.json["inbox_id"],
    }
