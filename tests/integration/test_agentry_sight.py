"""Keys that read mail, but no spam, no trash, nothing blocked or nothing unauthenticated: for them it is not there."""

import pytest

from mailserver.entities.hidden import NOTHING, lacking
from mailserver.entities.permission import Permission
from tests.support.served import served

BASE = "/agent/v0"
INBOX = f"{BASE}/inboxes/agent@local.test"
LABELS = ("spam", "blocked", "unauthenticated", "trash")
EVERY = {f"label_{name}_read": True for name in LABELS}
MAY = {
    "message_read": True, "message_update": True, "message_delete": True, "message_send": True, "message_reply": True,
    "draft_create": True, "draft_read": True,
}  # fmt: skip
RAW = (
    b"From: Alice <alice@remote.test>\r\nTo: agent@local.test\r\nSubject: %s\r\nMessage-ID: <%s@remote.test>\r\n%s"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nThe kingfisher %s.\r\n"
    b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--\r\n"
)


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def key_without(site, *labels):
    body = {"permissions": MAY | EVERY | {f"label_{name}_read": False for name in labels}}
    answer = await site.call("POST", f"{BASE}/api-keys", site.tokens["a key"], json=body)
    assert answer.status == 200, answer.content
    return answer.json["api_key"]


async def receive(site, name, more=b""):
    await site.house.receive(RAW % (name, name, more, name), to=["agent@local.test"])
    await site.house.settled()
    await label(site, f"%3C{name.decode()}@remote.test%3E", take="unauthenticated")
    return f"%3C{name.decode()}@remote.test%3E"


async def label(site, message, put=None, take=None):
    """Put a message where it is hidden from some; the label that only the server puts on is set in its table."""
    if "unauthenticated" in (put, take):
        header = message.replace("%3C", "<").replace("%3E", ">")
        write = "DELETE FROM message_label WHERE message_id = ?" if take else (
            "INSERT INTO message_label(message_id, label_id, inbox_id, received_at) "
            "SELECT m.id, l.id, m.inbox_id, m.received_at FROM message m JOIN label l ON l.atom = 'unauthenticated' "
            "WHERE m.id = ?"
        )  # fmt: skip
        if put:
            await _know_the_label(site)
        number = (await site.house.rows("SELECT message_id FROM message_data WHERE header_id = ?", header))[0][0]
        await site.house.store.database.write(lambda tx: tx.execute(write, (number,)))
        return
    if put == "blocked":
        header = message.replace("%3C", "<").replace("%3E", ">")
        await site.house.store.database.write(
            lambda tx: tx.execute(
                "UPDATE message SET visibility = 3 WHERE id IN (SELECT message_id FROM message_data "
                "WHERE header_id = ?)", (header,),
            )
        )  # fmt: skip
        await site.house.store.database.write(
            lambda tx: tx.execute(
                "UPDATE thread SET visibility = (SELECT MIN(m.visibility) FROM message m WHERE m.thread_id = thread.id)"
            )
        )
        return
    answer = await site.call("PATCH", f"{INBOX}/messages/{message}", site.tokens["a key"], json={"add_labels": [put]})
    assert answer.status == 200, answer.content


async def _know_the_label(site):
    tenant = site.house.account.tenant.id
    await site.house.store.database.write(
        lambda tx: tx.execute(
            "INSERT INTO label(id, tenant_id, atom, display, kind, created_at) "
            "SELECT 99, ?, 'unauthenticated', 'unauthenticated', 'message', 0 "
            "WHERE NOT EXISTS (SELECT 1 FROM label WHERE atom = 'unauthenticated')",
            (tenant,),
        )
    )


def test_what_is_hidden_follows_from_what_a_key_lacks():
    assert lacking(None) == NOTHING
    assert not lacking(frozenset(Permission))
    assert len(lacking(frozenset({Permission.MESSAGE_READ})).visibilities) == 3


@pytest.mark.parametrize("name", LABELS)
async def test_a_message_is_not_there_for_a_key_without_its_label(site, name):
    seen = await receive(site, b"seen")
    hidden = await receive(site, b"hidden")
    await label(site, hidden, put=name)
    without, others = await key_without(site, name), await key_without(site, *(set(LABELS) - {name}))
    shown = "?include_spam=true&include_blocked=true&include_trash=true&include_unauthenticated=true"
    thread = (await site.call("GET", f"{INBOX}/messages/{hidden}", site.tokens["a key"])).json["thread_id"]
    for key, number in ((without, 1), (others, 2), (site.tokens["a key"], 2)):
        for path in (f"{BASE}/messages", f"{INBOX}/messages", f"{BASE}/threads", f"{INBOX}/threads"):
            answer = (await site.call("GET", f"{path}{shown}", key)).json
            assert answer["count"] == number, (path, answer)
        answer = (await site.call("GET", f"{BASE}/messages?labels={name}", key)).json
        assert answer["count"] == number - 1
        body = {"message_ids": [each.replace("%3C", "<").replace("%3E", ">") for each in (seen, hidden)]}
        assert (await site.call("POST", f"{INBOX}/messages/batch-get", key, json=body)).json["count"] == number
    if name == "unauthenticated":
        for path in (f"{INBOX}/messages/search?q=kingfisher", f"{BASE}/threads/search?q=kingfisher"):
            assert (await site.call("GET", path, without)).json["count"] == 1
            assert (await site.call("GET", path, others)).json["count"] == 2
    draft = {"in_reply_to": hidden.replace("%3C", "<").replace("%3E", ">"), "text": "So."}
    for method, path, body in (
        ("GET", f"{INBOX}/messages/{hidden}", None), ("GET", f"{BASE}/messages/{hidden}", None),
        ("GET", f"{INBOX}/messages/{hidden}/raw", None), ("PATCH", f"{BASE}/messages/{hidden}", {"add_labels": "x"}),
        ("GET", f"{BASE}/threads/{thread}", None), ("PATCH", f"{BASE}/threads/{thread}", {"add_labels": ["x"]}),
        ("DELETE", f"{BASE}/threads/{thread}", None), ("DELETE", f"{INBOX}/messages/{hidden}", None),
        ("POST", f"{BASE}/messages/{hidden}/reply", {"text": "So."}),
        ("POST", f"{BASE}/messages/{hidden}/forward", {"to": "b@remote.test"}), ("POST", f"{INBOX}/drafts", draft),
    ):  # fmt: skip
        more = {"json": body} if body is not None else {}
        answer = await site.call(method, path, without, **more)
        assert answer.status == 404, (method, path, answer.content)
    assert (await site.call("GET", f"{BASE}/threads/{thread}", others)).status == 200


async def test_of_a_thread_only_what_a_key_sees_is_shown(site):
    first = await receive(site, b"seen")
    second = await receive(site, b"hidden", b"In-Reply-To: <seen@remote.test>\r\nReferences: <seen@remote.test>\r\n")
    await site.house.store.database.write(
        lambda tx: tx.execute("UPDATE message SET thread_id = (SELECT MIN(thread_id) FROM message)")
    )
    whole = (await site.call("GET", f"{INBOX}/messages/{first}", site.tokens["a key"])).json
    path = f"{BASE}/threads/{whole['thread_id']}"
    assert len((await site.call("GET", path, site.tokens["a key"])).json["messages"]) == 2
    await label(site, second, put="spam")
    for name in ("spam", "trash"):
        if name == "trash":
            await label(site, second, put="trash")
        key = await key_without(site, name)
        found = (await site.call("GET", path, key)).json
        assert [each["message_id"] for each in found["messages"]] == ["<seen@remote.test>"]
        assert (found["last_message_id"], found["message_count"], found["count"]) == ("<seen@remote.test>", 1, 1)
        assert b"hidden" not in (await site.call("GET", path, key)).content
        shown = (await site.call("GET", f"{BASE}/threads?include_spam=true&include_trash=true", key)).json["threads"]
        assert [each["last_message_id"] for each in shown] == ["<seen@remote.test>"]
        attached = (await site.call("GET", f"{INBOX}/messages/{second}", site.tokens["a key"])).json["attachments"][0]
        answer = await site.call("GET", f"{path}/attachments/{attached['attachment_id']}", key)
        assert answer.status == 404
    key = await key_without(site, "trash")
    assert (await site.call("DELETE", path, key)).status == 204
    assert (await site.call("GET", path, key)).status == 404, "it lies in Trash, which the key does not see"
    rows = await site.house.rows("SELECT COUNT(*) FROM message WHERE visibility = 2")
    assert rows[0][0] == 2


async def test_a_key_may_put_a_thread_out_of_its_own_sight(site):
    message = await receive(site, b"seen")
    key = await key_without(site, "spam")
    whole = (await site.call("GET", f"{INBOX}/messages/{message}", key)).json
    path = f"{BASE}/threads/{whole['thread_id']}"
    answer = await site.call("PATCH", path, key, json={"add_labels": ["spam"]})
    assert (answer.status, "spam" in answer.json["labels"]) == (200, True)
    assert (await site.call("GET", path, key)).status == 404
