"""Nobody learns of another's things: every route and every id field of the served document, from every outside.

The requests come from the document, so a route or a field that is added later has to say in tests/support/scene.py
which object stands behind it.
"""

import re
from dataclasses import replace

import pytest

from tests.support import agentry, broadcasts, enriched, hooks, workspace
from tests.support.scene import OBJECTS, PLAIN, TEAM, UNKNOWN, WORDS, quoted, scene, worded

TABLES = (
    "inbox", "message", "message_data", "placement", "folder", "thread", "thread_label", "message_label", "upload",
    "suppression", "queued", "delivery", "event", "idempotency", "label", "tombstone", "expunged",
    "sender_rule", "verdict", *workspace.TABLES, *hooks.TABLES, *enriched.TABLES, *agentry.TABLES,
    "template", "note", "ticket", "thread_link", "share", "distribution_list", "list_member", *broadcasts.TABLES,
)  # fmt: skip


@pytest.fixture
async def stage(tmp_path):
    async with scene(tmp_path) as opened:
        yield opened


@pytest.fixture
async def operations(stage):
    document = await stage.site.document()
    return [
        (method.upper(), path, operation, document)
        for path, found in document["paths"].items()
        for method, operation in found.items()
    ]


def outsiders(stage, path, operation):
    """Who must not learn of a1's things: tenant B in every form, another pod, and a2 where tokens have an inbox."""
    names = ["b key", "p key"] if path.startswith("/agent/") else ["b1", "b session", "a2"]
    if operation.get("x-credentials") == ["session"]:
        names = ["b session"]
    return {name: stage.site.tokens[name] for name in names}


def body_fields(document, operation):
    """Every field of a body, lists and objects inside it included, as `attachments.blob_id`."""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return []
    return _fields(document, content["application/json"]["schema"], "")


def _fields(document, schema, prefix):
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return _fields(document, choice, prefix)
    if schema.get("type") == "array":
        return _fields(document, schema["items"], prefix)
    found = []
    for name, inner in schema.get("properties", {}).items():
        found.append(f"{prefix}{name}")
        found += _fields(document, inner, f"{prefix}{name}.")
    return found


def queries(operation):
    return [each["name"] for each in operation["parameters"] if each["in"] == "query"]


def in_body(field, value):
    """A body in which a field has a value."""
    outer, _, inner = field.partition(".")
    return {outer: [{inner: value}]} if inner else {outer: value}


def without(answer, *texts):
    """An answer with the ids that the question had in it taken out."""
    content = answer.content.decode()
    for text in texts:
        content = content.replace(text, "ID")
    return answer.status, content


async def everything(stage):
    return {table: await stage.site.house.rows(f"SELECT * FROM {table}") for table in TABLES}


async def test_every_route_and_field_has_an_object_or_is_known_to_be_none(operations):
    strangers = []
    for method, path, operation, document in operations:
        for name in re.findall(r"{(\w+)}", path):
            if not OBJECTS.get(name) and name not in WORDS:
                strangers.append(f"{method} {path}: {name}")
        for name in [*queries(operation), *body_fields(document, operation)]:
            if name not in OBJECTS and name not in PLAIN:
                strangers.append(f"{method} {path}: {name}")
            if name in PLAIN and name.endswith("_id") and name != "attachments.content_id":
                strangers.append(f"{method} {path}: {name} looks like an id")
    assert strangers == []


async def test_every_route_works_for_its_owner(stage, operations):
    """Else nothing that follows would mean anything."""
    last = {"DELETE": 1}
    for method, path, operation, _ in sorted(operations, key=lambda each: last.get(each[0], 0)):
        for request in stage.owner_requests(method, path):
            answer = await stage.send(request)
            assert 200 <= answer.status < 400, (method, path, answer.content)
            assert str(answer.status) in operation["responses"]


async def test_another_s_object_in_a_path_is_the_same_as_none(stage, operations):
    before = await everything(stage)
    tried = 0
    for method, path, operation, _ in operations:
        if "security" not in operation:  # what anybody may ask for is told apart by its token alone
            continue
        for name, kinds in OBJECTS.items():
            if f"{{{name}}}" not in path:
                continue
            for kind in kinds:
                for who, token in outsiders(stage, path, operation).items():
                    if who == "a2" and name in TEAM:
                        continue
                    asked = replace(stage.owner_requests(method, path)[0], token=token)
                    answers = []
                    for text in (stage.things[kind], UNKNOWN[kind]):
                        answer = await stage.send(asked, path=worded(path).replace(f"{{{name}}}", quoted(text)))
                        answers.append(without(answer, text, quoted(text)))
                        tried += 1
                    assert answers[0] == answers[1], (who, method, path, kind)
                    assert answers[0][0] == 404, (who, method, path, kind, answers)
    assert tried > 40
    assert await everything(stage) == before


async def test_another_s_object_in_a_query_or_body_is_the_same_as_none(stage, operations):
    before = await everything(stage)
    tried = 0
    for method, path, operation, document in operations:
        for name, place in [(n, "query") for n in queries(operation)] + [
            (n, "body") for n in body_fields(document, operation)
        ]:
            for kind in OBJECTS.get(name, ()):
                for who, token in outsiders(stage, path, operation).items():
                    if who == "a2" and name in TEAM:
                        continue
                    asked = await own_request(stage, method, path, who)
                    answers = []
                    for text in (stage.things[kind], UNKNOWN[kind]):
                        changed = (
                            {"params": {name: text}}
                            if place == "query"
                            else {"json": {**(asked.json or {}), **in_body(name, text)}}
                        )
                        answers.append(without(await stage.send(asked, token=token, **changed), text, quoted(text)))
                        tried += 1
                    assert answers[0] == answers[1], (who, method, path, name, kind)
                    assert answers[0][0] in (400, 404), (who, method, path, name, kind, answers)
    assert tried > 40
    assert await everything(stage) == before


async def own_request(stage, method, path, who):
    """The request by which an outsider asks for something of its own, so that only the field at hand is foreign."""
    site = stage.site
    inbox = {"b1": "b1", "b session": "b1", "b key": "b1", "p key": "p1", "a2": "a2"}[who]
    own = await own_things(stage, inbox)
    (request, *_) = stage.owner_requests(method, path)
    filled = worded(path)
    for name, kinds in OBJECTS.items():
        if kinds:
            filled = filled.replace(f"{{{name}}}", quoted(own[kinds[0]]))
    return replace(request, path=filled, token=site.tokens[who])


async def own_things(stage, name):
    """Objects of another inbox, made once."""
    key = f"own {name}"
    if key not in stage.things:
        from tests.support.scene import MESSAGE

        inbox = stage.site.inboxes[name]
        text = await stage.site.house.receive(
            MESSAGE % (inbox.address.encode(), name.encode()), to=[inbox.address], sender="a@remote.test"
        )
        await stage.site.house.settled()
        shown = (await stage.site.call("GET", f"/v1/messages/{text}/", stage.site.tokens[name])).json
        stage.things[key] = f"{text} {shown['thread_id']} {shown['attachments'][0]['blob_id']}"
    text, thread, blob = stage.things[key].split()
    return {**UNKNOWN, "message_id": text, "thread_id": thread, "upload_id": blob, "part_id": blob}


@pytest.fixture(autouse=True)
async def _own_things_first(stage):
    for name in ("a2", "b1", "p1"):
        await own_things(stage, name)


async def test_ids_written_otherwise_find_nothing_and_break_nothing(stage, operations):
    before = await everything(stage)
    for method, path, _, _ in operations:
        (request, *_) = stage.owner_requests(method, path)
        for name, kinds in OBJECTS.items():
            if f"{{{name}}}" not in path:
                continue
            for kind in kinds:
                text = quoted(stage.things[kind])
                for odd in (
                    quoted(stage.things[kind].lower()), quoted(stage.things[kind].swapcase()), f"{text}%00",
                    f"%00{text}", f"{text}.", f"..%2F{text}", f"{text}%0d%0a", f"{text}%20", "%2e%2e", "x" * 3000,
                    "%ff%fe", "*", "%25", "'%20OR%201=1--", "msg_", "0", "%F0%9F%92%A5",
                ):  # fmt: skip
                    if odd == text or (kind in ("inbox_address", "domain_name") and odd.lower() == text.lower()):
                        continue  # addresses and domains are read without regard to case
                    answer = await stage.send(request, path=worded(path).replace(f"{{{name}}}", odd))
                    assert answer.status in (400, 404, 405), (method, path, odd, answer.status, answer.content[:200])
    assert await everything(stage) == before


async def test_lists_show_what_is_one_s_own(stage, operations):
    foreign = {stage.things[kind] for kind in ("message_id", "thread_id", "header_id", "upload_id", "part_id")}
    for method, path, operation, _ in operations:
        if method != "GET" or path.startswith("/auth/") or "{" in worded(path) or path.endswith("{entry}"):
            continue
        for who, token in outsiders(stage, path, operation).items():
            (request, *_) = stage.owner_requests(method, path)
            answer = await stage.send(request, token=token)
            assert answer.status == 200, (who, path, answer.content)
            for text in (*foreign, "agent@local.test", "bounced@remote.test", WORDS["entry"]):
                if who == "a2" and text == "agent@local.test":
                    continue
                assert text not in answer.content.decode(), (who, path, text)


async def test_a_search_finds_nothing_of_others(stage):
    for typed in ("Hello", "alice", "Hello OR inbox", "*", "one@remote.test", "PDF"):
        for who, token in outsiders(stage, "/v1/", {}).items():
            answer = await stage.site.call("GET", f"/v1/messages/?q={typed.replace(' ', '%20')}", token)
            assert answer.status == 200
            assert stage.things["message_id"] not in answer.content.decode(), (who, typed)


async def test_a_page_token_is_good_for_its_tenant_and_its_question_only(stage):
    site = stage.site
    for number in range(3):
        await own_things(stage, "a2")
        await site.house.receive(
            b"From: x@remote.test\r\nTo: agent@local.test\r\nSubject: s%d\r\n\r\nx\r\n" % number,
            to=["agent@local.test"],
        )
    await site.house.settled()
    for path in ("/agent/v0/messages", "/agent/v0/threads"):
        first = (await site.call("GET", f"{path}?limit=1", site.tokens["a key"])).json
        token = first["next_page_token"]
        following = await site.call("GET", f"{path}?limit=1&page_token={token}", site.tokens["a key"])
        assert following.status == 200
        for who, query in (
            ("b key", f"page_token={token}"),
            ("p key", f"page_token={token}"),
            ("a key", f"ascending=true&page_token={token}"),
            ("a key", f"labels=unread&page_token={token}"),
            ("a key", f"page_token={token[:-2]}"),
        ):
            answer = await site.call("GET", f"{path}?{query}", site.tokens[who])
            assert answer.status == 400, (path, who, query)
        other = "/agent/v0/threads" if path.endswith("messages") else "/agent/v0/messages"
        assert (await site.call("GET", f"{other}?page_token={token}", site.tokens["a key"])).status == 400


async def test_a_download_link_works_without_a_login_and_dies_with_its_message(stage):
    site = stage.site
    raw = (await site.call("GET", f"/agent/v0/messages/{stage.things['message_id']}/raw", site.tokens["a key"])).json
    path = raw["download_url"].removeprefix("http://mail.local.test")
    answer = await site.call("GET", path)
    assert answer.status == 200
    assert len(answer.content) == raw["size"]
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    for forged in (path[:-1], path + "x", path.replace(".", ".x"), "/download/", "/download/x"):
        assert (await site.call("GET", forged)).status == 404
    for _ in range(2):
        await site.call("DELETE", f"/v1/messages/{stage.things['message_id']}/", site.tokens["a1"])
    assert (await site.call("GET", path)).status == 404


async def test_every_page_of_a_list_is_seen_once(stage):
    site = stage.site
    for number in range(7):
        await site.house.receive(
            b"From: x@remote.test\r\nTo: agent@local.test\r\nSubject: s%d\r\n\r\nx\r\n" % number,
            to=["agent@local.test"],
        )
    await site.house.settled()
    for path, key, name in (
        ("/agent/v0/messages", "messages", "message_id"), ("/agent/v0/threads", "threads", "thread_id"),
    ):  # fmt: skip
        for direction in ("false", "true"):
            seen, token = [], ""
            while True:
                more = f"&page_token={token}" if token else ""
                page = (
                    await site.call("GET", f"{path}?limit=2&ascending={direction}{more}", site.tokens["a key"])
                ).json
                seen += [item[name] for item in page[key]]
                token = page.get("next_page_token")
                if not token:
                    break
            assert len(seen) == len(set(seen)) >= 7
            whole = (await site.call("GET", f"{path}?limit=200&ascending={direction}", site.tokens["a key"])).json
            assert seen == [item[name] for item in whole[key]]


async def test_a_list_s_entry_is_its_tenant_s_own(stage):
    site = stage.site
    for base in ("/agent/v0/lists", f"/agent/v0/inboxes/{stage.things['inbox_id']}/lists"):
        path = f"{base}/receive/block/{quoted(WORDS['entry'])}"
        assert (await site.call("GET", path, site.tokens["a key"])).status == 200
        for method in ("GET", "DELETE"):
            assert (await site.call(method, path, site.tokens["b key"])).status == 404
        assert (await site.call("GET", path, site.tokens["a key"])).status == 200
        assert (await site.call("DELETE", path, site.tokens["a key"])).status == 204
        assert (await site.call("GET", path, site.tokens["a key"])).status == 404
        assert (await site.call("GET", f"{base}/sideways/block", site.tokens["a key"])).status == 404


async def test_a_list_is_read_page_by_page(stage):
    site, key = stage.site, stage.site.tokens["a key"]
    path = "/agent/v0/lists/send/allow"
    for number in range(5):
        made = await site.call("POST", path, key, json={"entry": f"P{number}@Good.test", "reason": "a friend"})
        assert made.json["entry"] == f"p{number}@good.test"
    seen, token = [], ""
    while token is not None:
        page = (await site.call("GET", f"{path}?limit=2&page_token={token}", key)).json
        seen += [entry["entry"] for entry in page["entries"]]
        token = page.get("next_page_token")
    assert seen == [f"p{number}@good.test" for number in range(5)]
    assert (await site.call("POST", path, key, json={"entry": "no address at all"})).status == 400
