"""What the scene has of templates, distribution lists, notes and shares."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind

UNKNOWN = {
    "template_id": identifiers.encode(Kind.TEMPLATE, 7),
    "list_id": identifiers.encode(Kind.DISTRIBUTION_LIST, 7),
    "note_id": identifiers.encode(Kind.NOTE, 7),
    "share_id": identifiers.encode(Kind.SHARE, 7),
    "teammate_id": identifiers.encode(Kind.INBOX, 7),
}
OBJECTS: dict[str, tuple[str, ...]] = {
    "template_id": ("template_id",),
    "list_id": ("list_id",),
    "note_id": ("note_id",),
    "share_id": ("share_id",),
    "to_inbox_id": ("teammate_id",),
    "assignee_inbox_id": ("teammate_id",),
}
SPARE = {
    ("DELETE", "/v1/templates/{template_id}/"): ("template_id", "spare_template_id"),
    ("DELETE", "/v1/distribution-lists/{list_id}/"): ("list_id", "spare_list_id"),
    ("POST", "/v1/contacts/shares/{share_id}/decline/"): ("share_id", "declined_share_id"),
    ("POST", "/v1/contacts/{contact_id}/handoff/"): ("contact_id", "spare_contact_id"),
}
TEAM = {"template_id", "list_id", "to_inbox_id", "assignee_inbox_id"}  # objects that every inbox of a tenant may name
PLAIN = {
    "body", "variables", "context", "mentions", "note", "ticket", "ticket.class_label_key", "ticket.priority",
    "class_label_key", "priority", "resolution_note", "writes.target.class_label_key", "writes.target.priority",
    "writes.target.status",
}  # fmt: skip
WITHOUT_BODY = {
    ("POST", "/v1/contacts/shares/{share_id}/accept/"),
    ("POST", "/v1/contacts/shares/{share_id}/decline/"),
    ("POST", "/v1/messages/threads/{thread_id}/ticket/reopen/"),
}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/templates/"): {"name": "Hello", "subject": "Dear {name}", "body": "{name}!", "variables": ["name"]},
    ("PATCH", "/v1/templates/{template_id}/"): {"subject": "Dear {name}, again"},
    ("POST", "/v1/templates/{template_id}/"): {"context": {"name": "Alice"}},
    ("POST", "/v1/distribution-lists/"): {"address": "sales@local.test", "name": "Sales"},
    ("PATCH", "/v1/distribution-lists/{list_id}/"): {"name": "Renamed"},
    ("POST", "/v1/distribution-lists/{list_id}/members/"): {"inbox_id": "teammate_id"},
    ("POST", "/v1/messages/threads/{thread_id}/notes/"): {"body": "Look!", "mentions": ["second@local.test"]},
    ("POST", "/v1/messages/threads/{thread_id}/assign/"): {"to": "second@local.test", "note": "Yours."},
    ("POST", "/v1/messages/threads/{thread_id}/ticket/"): {
        "priority": "high",
        "assignee_inbox_id": "teammate_id",
        "due_at": "2026-06-20T17:00:00Z",
    },
    ("PATCH", "/v1/messages/threads/{thread_id}/ticket/"): {
        "status": "pending_internal",
        "priority": "urgent",
        "assignee_inbox_id": "teammate_id",
        "due_at": None,
    },
    ("POST", "/v1/messages/threads/{thread_id}/ticket/resolve/"): {"resolution_note": "It works again."},
    ("POST", "/v1/messages/threads/{thread_id}/ticket/close/"): {"resolution_note": "Nothing more to do."},
    ("POST", "/v1/messages/threads/{thread_id}/fork/"): {
        "to": [{"email": "bob@remote.test"}],
        "subject": "New request",
        "text_body": "A related thread.",
        "note": "Split",
        "ticket": {"class_label_key": "ticket/class/secret", "priority": "low"},
    },
    ("POST", "/v1/contacts/shares/"): {"type": "offer", "to_inbox_id": "teammate_id", "contact_id": "contact_id"},
    ("POST", "/v1/contacts/{contact_id}/handoff/"): {"to_inbox_id": "teammate_id", "note": "Yours."},
}


def body(method: str, path: str, things: dict[str, str]) -> dict[str, Any]:
    """A valid body, with the ids of a1's objects in it."""
    found = BODIES[method, path]
    return {name: things.get(value, value) if isinstance(value, str) else value for name, value in found.items()}


async def furnish(site: Any, thread_id: str) -> dict[str, str]:
    """Put one of everything on the stage, for a1: its shares come from the inbox beside it."""
    token, session, second = site.tokens["a1"], site.tokens["a session"], site.tokens["a2"]

    async def made(path: str, token: str, **body: Any) -> Any:
        answer = await site.call("POST", path, token, json=body)
        assert answer.status == 201, (path, answer.content)
        return answer.json

    inbox_id = identifiers.encode(Kind.INBOX, site.inboxes["a1"].id)
    friend = await made("/v1/contacts/", second, full_name="Theirs", emails=[{"address": "theirs@remote.test"}])
    shares = [
        await made("/v1/contacts/shares/", second, type="offer", to_inbox_id=inbox_id, contact_id=friend["id"])
        for _ in range(2)
    ]
    templates = [await made("/v1/templates/", session, name=name, body="Secret {x}") for name in ("One", "Two")]
    lists = [
        await made("/v1/distribution-lists/", session, name=name, address=f"{name}@local.test")
        for name in ("support", "needless")
    ]
    await made(f"/v1/distribution-lists/{lists[0]['list_id']}/members/", session, inbox_id=inbox_id)
    note = await made(f"/v1/messages/threads/{thread_id}/notes/", token, body="Secret note")
    await made("/v1/labels/", token, name="Secret class", key="ticket/class/secret")
    ticket = {"class_label_key": "ticket/class/secret"}
    answer = await site.call("POST", f"/v1/messages/threads/{thread_id}/ticket/", token, json=ticket)
    assert answer.status == 200, answer.content
    return {
        "template_id": templates[0]["template_id"],
        "spare_template_id": templates[1]["template_id"],
        "list_id": lists[0]["list_id"],
        "spare_list_id": lists[1]["list_id"],
        "note_id": note["note_id"],
        "share_id": shares[0]["share_id"],
        "declined_share_id": shares[1]["share_id"],
        "teammate_id": identifiers.encode(Kind.INBOX, site.inboxes["a2"].id),
        "spare_contact_id": (await made("/v1/contacts/", token, full_name="Going"))["id"],
    }
