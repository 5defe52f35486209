"""API keys of the Agentry face: what one with few permissions may do, what one for an inbox sees, and what is kept."""

import pytest

from mailserver.entities.permission import Permission
from tests.support.served import served

BASE = "/agent/v0"
ALL_LABELS = {f"label_{name}_read": True for name in ("spam", "blocked", "unauthenticated", "trash")}


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def made(site, body, path="/api-keys", key="a key"):
    answer = await site.call("POST", f"{BASE}{path}", site.tokens.get(key, key), json=body)
    assert answer.status == 200, answer.content
    return answer.json


async def test_a_key_does_what_its_permissions_say_and_nothing_else(site):
    reading = (await made(site, {"name": "r", "permissions": {"message_read": True, **ALL_LABELS}}))["api_key"]
    sending = (await made(site, {"name": "s", "permissions": {"message_send": True, "message_read": False}}))["api_key"]
    letter = {"to": "bob@remote.test", "subject": "Hi", "text": "Hello."}
    send = f"{BASE}/inboxes/agent@local.test/messages/send"
    assert (await site.call("GET", f"{BASE}/messages", reading)).status == 200
    assert (await site.call("POST", send, sending, json=letter)).status == 200
    for method, path, key in (
        ("POST", send, reading), ("GET", f"{BASE}/messages", sending), ("GET", f"{BASE}/inboxes", reading),
        ("GET", f"{BASE}/api-keys", reading), ("GET", f"{BASE}/drafts", reading),
    ):  # fmt: skip
        answer = await site.call(method, path, key, **({"json": letter} if method == "POST" else {}))
        assert answer.status == 403, (method, path)
        assert answer.json["code"] == "missing_permission"
    draft = {"forward_of": "<nobody@remote.test>", "to": ["bob@remote.test"]}
    drafting = (await made(site, {"permissions": {"draft_create": True}}))["api_key"]
    answer = await site.call("POST", f"{BASE}/inboxes/agent@local.test/drafts", drafting, json=draft)
    assert answer.status == 403  # a draft that forwards a message quotes what the key may not read


async def test_no_key_gives_what_it_has_not(site):
    few = {"api_key_create": True, "api_key_update": True, "api_key_read": True, "message_send": True}
    maker = (await made(site, {"permissions": few}))["api_key"]
    for wanted in ({"permissions": {"message_delete": True}}, {"permissions": {**few, "inbox_delete": True}}):
        assert (await site.call("POST", f"{BASE}/api-keys", maker, json=wanted)).status == 403
    same = await made(site, {"name": "heir"}, key=maker)  # no word of permissions: those of its maker
    assert set(same["permissions"]) == set(few)
    strong = await made(site, {"name": "strong"})
    for body in ({"permissions": {"message_send": True}}, {"name": "mine"}):
        answer = await site.call("PATCH", f"{BASE}/api-keys/{strong['api_key_id']}", maker, json=body)
        assert answer.status == 403
    answer = await site.call("PATCH", f"{BASE}/api-keys/{same['api_key_id']}", maker, json={"permissions": few})
    assert answer.status == 200


async def test_a_key_of_an_inbox_sees_that_inbox_and_its_keys(site):
    bound = await made(site, {"name": "bound"}, "/inboxes/agent@local.test/api-keys")
    other = await made(site, {"name": "other"}, "/inboxes/second@local.test/api-keys")
    key = bound["api_key"]
    assert bound["inbox_id"] == "agent@local.test"
    me = (await site.call("GET", f"{BASE}/auth/me", key)).json
    assert (me["scope_type"], me["scope_id"], me["api_key_id"]) == ("inbox", "agent@local.test", bound["api_key_id"])
    assert (await site.call("GET", f"{BASE}/organizations", key)).json["inbox_count"] == 1
    listed = (await site.call("GET", f"{BASE}/api-keys", key)).json["api_keys"]
    assert [one["api_key_id"] for one in listed] == [bound["api_key_id"]]
    for method in ("GET", "DELETE"):
        assert (await site.call(method, f"{BASE}/api-keys/{other['api_key_id']}", key)).status == 404
    assert (await site.call("GET", f"{BASE}/inboxes/second@local.test/api-keys", key)).status == 404
    assert (await site.call("POST", f"{BASE}/api-keys", key, json={})).status == 403
    inner = await made(site, {}, "/inboxes/agent@local.test/api-keys", key)
    assert inner["inbox_id"] == "agent@local.test"
    wrong = f"{BASE}/inboxes/second@local.test/api-keys/{bound['api_key_id']}"
    assert (await site.call("DELETE", wrong, site.tokens["a key"])).status == 404


async def test_a_key_is_gone_at_once_and_its_secret_is_nowhere(site):
    key = await made(site, {"name": "short", "expires_at": "2099-01-01T00:00:00Z"})
    assert key["prefix"] == key["api_key"][: len(key["prefix"])]
    shown = await site.call("GET", f"{BASE}/api-keys/{key['api_key_id']}", site.tokens["a key"])
    assert key["api_key"].encode() not in shown.content
    rows = await site.house.rows("SELECT * FROM token")
    assert not any(key["api_key"] in str(row) for row in rows)
    assert (await site.call("GET", f"{BASE}/inboxes", key["api_key"])).status == 200
    gone = await site.call("DELETE", f"{BASE}/api-keys/{key['api_key_id']}", site.tokens["a key"])
    assert gone.status == 204
    assert (await site.call("GET", f"{BASE}/inboxes", key["api_key"])).status == 401
    for odd in ("2020-01-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "soon"):
        refused = await site.call("POST", f"{BASE}/api-keys", site.tokens["a key"], json={"expires_at": odd})
        assert refused.status == 400, odd


async def test_keys_are_listed_page_by_page(site):
    names = [(await made(site, {"name": f"k{number}"}))["api_key_id"] for number in range(5)]
    found, token = [], ""
    while True:
        more = f"&page_token={token}" if token else ""
        answer = (await site.call("GET", f"{BASE}/api-keys?limit=2{more}", site.tokens["a key"])).json
        found += [one["api_key_id"] for one in answer["api_keys"]]
        token = answer.get("next_page_token")
        if token is None:
            break
    assert found[:5] == names[::-1]
    assert len(found) == len(set(found))


async def test_every_endpoint_of_this_face_names_a_permission(site):
    document = await site.document()
    nameless = {
        path
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if path.startswith(BASE) and operation.get("x-permission") not in set(Permission)
    }
    assert nameless == {f"{BASE}/organizations", f"{BASE}/auth/me"}
