"""The Agentry face as its clients see it, where their SDK shows nothing of it."""

import json

import pytest
from aiohttp import web

from mailserver.entities.access import ALL_SCOPES
from tests.support.served import served

BASE = "/agent/v0"
INBOX = f"{BASE}/inboxes/agent@local.test"
RAW = b"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: %s\r\nMessage-ID: %s\r\n\r\nx\r\n"


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path, outbound_http={"allow_private": True}) as opened:
        yield opened


async def call(site, method, path, token="a key", **more):
    answer = await site.call(method, path, site.tokens[token], **more)
    return answer.status, answer.json if answer.content else None


async def receive(site, *names):
    for name in names:
        await site.house.receive(RAW % (name, b"<%s@remote.test>" % name))
    await site.house.settled()


async def suppress(site, address):
    inbox = site.inboxes["a1"]
    await site.house.store.database.write(
        lambda tx: tx.execute(
            "INSERT INTO suppression(id, tenant_id, inbox_id, address, reason, source, suppressed_at) "
            "VALUES (1, ?, ?, ?, 'hard_bounce', 'outbound', 1)",
            (inbox.tenant_id, inbox.id, address),
        )
    )


async def test_a_message_that_nobody_would_get_is_refused_and_leaves_nothing(site):
    await suppress(site, "bob@remote.test")
    status, body = await call(
        site,
        "POST",
        f"{INBOX}/messages/send",
        json={"to": "bob@remote.test", "text": "x"},
        headers={"Idempotency-Key": "1"},
    )
    assert status == 403
    assert (body["name"], body["code"]) == ("MessageRejectedError", "message_rejected")
    assert await site.house.rows("SELECT 1 FROM message") == []
    assert await site.house.rows("SELECT 1 FROM delivery") == []
    status, _ = await call(
        site, "POST", f"{INBOX}/messages/send", json={"to": ["bob@remote.test", "eve@remote.test"], "text": "x"}
    )
    assert status == 200


async def test_each_of_two_messages_with_one_message_id_can_be_named(site):
    """A message to oneself lies in Sent and in the inbox."""
    header = b"<same@remote.test>"
    for subject in (b"first", b"second"):
        await site.house.receive(RAW % (subject, header))
        await site.house.settled()
    await site.house.receive(RAW % (b"third", header), to=["second@local.test"])
    await site.house.settled()
    _, listed = await call(site, "GET", f"{BASE}/messages?ascending=true")
    ids = {each["subject"]: each["message_id"] for each in listed["messages"]}
    assert ids["first"] == "<same@remote.test>"
    assert len(set(ids.values())) == 3
    for subject, text in ids.items():
        path = text.replace("<", "%3C").replace(">", "%3E")
        assert (await call(site, "GET", f"{BASE}/messages/{path}"))[1]["subject"] == subject
        _, changed = await call(site, "PATCH", f"{BASE}/messages/{path}", json={"add_labels": subject})
        assert subject in changed["labels"]
        assert changed["message_id"] == text


async def test_pages_stay_right_while_mail_arrives(site):
    await receive(site, *(b"m%d" % number for number in range(6)))
    for path, name, key in (
        (f"{INBOX}/messages", "messages", "message_id"), (f"{INBOX}/threads", "threads", "thread_id"),
        (f"{INBOX}/messages/search?q=x", "messages", "message_id"),
        (f"{BASE}/threads/search?q=x", "threads", "thread_id"),
    ):  # fmt: skip
        _, whole = await call(site, "GET", f"{path}{'&' if '?' in path else '?'}limit=100")
        wanted = [each[key] for each in whole[name]]
        seen, token, number = [], "", 0
        while token is not None:
            more = f"{'&' if '?' in path else '?'}limit=2&page_token={token}"
            _, page = await call(site, "GET", f"{path}{more}")
            seen += [each[key] for each in page[name]]
            token = page.get("next_page_token")
            number += 1
            await receive(site, f"late{path}{number}".encode().replace(b"/", b"").replace(b"?", b"").replace(b"@", b""))
        assert seen == wanted, path


@pytest.mark.parametrize("written", ['labels=["a","b"]', "labels=a&labels=b", "labels=a,b"])
async def test_labels_are_asked_for_in_every_way(site, written):
    await receive(site, b"one", b"two")
    await call(site, "PATCH", f"{BASE}/messages/%3Cone@remote.test%3E", json={"add_labels": ["a", "b"]})
    await call(site, "PATCH", f"{BASE}/messages/%3Ctwo@remote.test%3E", json={"add_labels": "a"})
    query = written.replace("[", "%5B").replace("]", "%5D").replace('"', "%22")
    _, found = await call(site, "GET", f"{BASE}/messages?{query}")
    assert [each["subject"] for each in found["messages"]] == ["one"]


async def test_what_came_in_and_what_went_out(site):
    await receive(site, b"in")
    await call(site, "POST", f"{INBOX}/messages/send", json={"to": "bob@remote.test", "subject": "out", "text": "x"})
    for direction, subject in (("inbound", "in"), ("outbound", "out")):
        _, found = await call(site, "GET", f"{INBOX}/messages?direction={direction}")
        assert [each["subject"] for each in found["messages"]] == [subject]
    assert (await call(site, "GET", f"{INBOX}/messages?direction=sideways"))[0] == 400


async def test_a_key_that_is_bound_to_an_inbox_sees_no_other(site):
    inbox = site.inboxes["a2"]
    _, site.tokens["bound"] = await site.house.services.access.create_token(
        inbox.tenant_id, "api_key", "bound", inbox_id=inbox.id, scopes=ALL_SCOPES
    )
    await receive(site, b"one")
    _, listed = await call(site, "GET", f"{BASE}/inboxes", "bound")
    assert [each["inbox_id"] for each in listed["inboxes"]] == ["second@local.test"]
    for path in (f"{BASE}/messages", f"{BASE}/threads", f"{BASE}/drafts", f"{BASE}/threads/search?q=x"):
        status, found = await call(site, "GET", path, "bound")
        assert (status, found["count"]) == (200, 0), path
    for method, path, body in (
        ("GET", INBOX, None), ("GET", f"{INBOX}/messages", None), ("DELETE", INBOX, None),
        ("GET", f"{BASE}/messages/%3Cone@remote.test%3E", None), ("POST", f"{INBOX}/drafts", {"text": "x"}),
    ):  # fmt: skip
        assert (await call(site, method, path, "bound", json=body))[0] == 404, path
    assert (await call(site, "POST", f"{BASE}/inboxes", "bound", json={}))[0] == 403
    assert (await call(site, "DELETE", f"{BASE}/inboxes/second@local.test", "bound"))[0] == 403


@pytest.fixture
async def files():
    """A server of files: one that is well, one that is large, one that is not there."""

    async def serve(request):
        name = request.match_info["name"]
        if name == "report.pdf":
            return web.Response(body=b"%PDF-url", content_type="application/pdf")
        if name == "moved":
            raise web.HTTPFound("/report.pdf")
        if name == "large":
            return web.Response(body=b"x" * (26 << 20))
        raise web.HTTPNotFound

    app = web.Application()
    app.router.add_get("/{name}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_files_are_attached_by_their_url(site, files):
    for name in ("report.pdf", "moved"):
        attached = {"url": f"{files}/{name}"}
        body = {"to": "bob@remote.test", "text": "x", "attachments": [attached]}
        status, sent = await call(site, "POST", f"{INBOX}/messages/send", json=body)
        assert status == 200, sent
        path = sent["message_id"].replace("<", "%3C").replace(">", "%3E")
        _, shown = await call(site, "GET", f"{INBOX}/messages/{path}")
        (one,) = shown["attachments"]
        assert (one["filename"], one["content_type"], one["size"]) == (name, "application/pdf", 8)
    many = [{"url": f"{files}/report.pdf"}] * 11
    for attachments in (
        [{"url": f"{files}/large"}], [{"url": f"{files}/nothing"}], [{"url": "ftp://remote.test/x"}], many, [{}],
        [{"url": f"{files}/report.pdf", "content": "aGk="}], [{"content": "not base 64!"}],
    ):  # fmt: skip
        body = {"to": "bob@remote.test", "text": "x", "attachments": attachments}
        status, refused = await call(site, "POST", f"{INBOX}/messages/send", json=body)
        assert status == 400, refused
        assert refused["errors"][0]["path"][0] == "attachments", refused


async def test_a_url_without_tls_is_refused_unless_the_network_is_one_s_own(tmp_path, files):
    async with served(tmp_path) as site:
        body = {"to": "bob@remote.test", "text": "x", "attachments": [{"url": f"{files}/report.pdf"}]}
        status, refused = await call(site, "POST", f"{INBOX}/messages/send", json=body)
        assert (status, refused["errors"][0]["path"]) == (400, ["attachments", "0", "url"])


async def test_highlights_and_operators_of_a_search(site):
    await site.house.receive(
        "From: Zoë <zoe@remote.test>\r\nTo: agent@local.test\r\nSubject: Blue **kite**\r\n"
        "Content-Type: text/html; charset=utf-8\r\n\r\n<p>A kite, <b>the Kite</b>; kites.</p>\r\n".encode()
    )
    await site.house.settled()
    _, found = await call(site, "GET", f"{INBOX}/messages/search?q=kite%20from:zoe")
    (one,) = found["messages"]
    assert one["highlights"]["text"] == ["A **kite**, the **Kite**; kites."]
    assert one["highlights"]["from"] == ["Zoë <**zoe**@remote.test>"]
    assert "recipients" not in one["highlights"]
    _, found = await call(site, "GET", f"{INBOX}/messages/search?q=kit*")
    assert found["messages"][0]["highlights"]["text"] == ["A **kite**, the **Kite**; **kites**."]
    for query in ("", "%20", "is:unread", "-kite", "x" * 1001):
        assert (await call(site, "GET", f"{INBOX}/messages/search?q={query}"))[0] == 400, query
    assert (await call(site, "GET", f"{INBOX}/messages/search?q=%22*%22%20AND%20("))[0] in (200, 400)


async def test_metadata_is_bounded(site):
    for metadata in ({"a": "x" * 501}, {"a": None, "": "x"}, {str(n): n for n in range(51)}, {"a": []}, {"a": {}}):
        status, _ = await call(site, "POST", f"{BASE}/inboxes", json={"username": "m", "metadata": metadata})
        assert status == 400, metadata
    for body in (
        {"client_id": "a@b"},
        {"client_id": ""},
        {"username": "a b@c"},
        {"domain": "other.test"},
        {"domain": ".."},
    ):
        assert (await call(site, "POST", f"{BASE}/inboxes", json=body))[0] == 400, body
    assert len((await call(site, "GET", f"{BASE}/inboxes"))[1]["inboxes"]) == 2


async def test_permanent_takes_a_thread_away_at_once(site):
    await receive(site, b"one")
    _, listed = await call(site, "GET", f"{BASE}/threads")
    thread = listed["threads"][0]["thread_id"]
    assert (await call(site, "DELETE", f"{BASE}/threads/{thread}?permanent=true"))[0] == 204
    assert (await call(site, "GET", f"{BASE}/threads/{thread}"))[0] == 404
    assert await site.house.rows("SELECT 1 FROM message") == []


async def test_drafts_are_no_part_of_messages_and_threads(site):
    await receive(site, b"one")
    await call(site, "POST", f"{INBOX}/drafts", json={"in_reply_to": "<one@remote.test>", "text": "x"})
    await call(site, "POST", f"{INBOX}/drafts", json={"to": "bob@remote.test", "subject": "alone", "text": "x"})
    _, messages = await call(site, "GET", f"{BASE}/messages")
    assert [each["subject"] for each in messages["messages"]] == ["one"]
    _, threads = await call(site, "GET", f"{BASE}/threads")
    (thread,) = threads["threads"]
    assert thread["message_count"] == 1
    assert thread["last_message_id"] == "<one@remote.test>"
    _, whole = await call(site, "GET", f"{BASE}/threads/{thread['thread_id']}")
    assert (whole["count"], len(whole["messages"])) == (1, 1)
    assert json.dumps(whole).count("alone") == 0


async def test_long_messages_do_not_make_answers_without_end(site):
    for number in range(3):
        await site.house.receive(
            b"From: a@remote.test\r\nTo: agent@local.test\r\nSubject: long\r\nMessage-ID: <l%d@remote.test>\r\n"
            b"References: <l0@remote.test>\r\n\r\n" % number + (b"long line of text " * 4 + b"\r\n") * 95_000
        )
    await site.house.settled()
    _, listed = await call(site, "GET", f"{BASE}/threads")
    thread = listed["threads"][0]["thread_id"]
    _, page = await call(site, "GET", f"{BASE}/threads/{thread}")
    assert page["count"] == 2
    _, page = await call(site, "GET", f"{BASE}/threads/{thread}?page_token={page['next_page_token']}")
    assert (page["count"], "next_page_token" in page) == (1, False)
    ids = [f"<l{number}@remote.test>" for number in range(3)]
    assert (await call(site, "POST", f"{INBOX}/messages/batch-get", json={"message_ids": ids}))[0] == 413
    assert (await call(site, "POST", f"{INBOX}/messages/batch-get", json={"message_ids": ids[:2]}))[1]["count"] == 2
