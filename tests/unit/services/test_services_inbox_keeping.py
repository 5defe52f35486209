"""Inboxes, tokens and repeated requests, as people make and change them."""

import asyncio
import base64
import time

import pytest

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import InboxSettings
from mailserver.services.outbound import signatures
from tests.support.served import served

LETTER = {"to": [{"email": "bob@remote.test"}], "subject": "Hi", "text_body": "Hello."}


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def made_token(site, headers=None, **more):
    body = {"inbox_id": "agent@local.test", "label": "bot", "scopes": ["email:read", "email:send"], **more}
    return await site.call("POST", "/v1/tokens/", site.tokens["a session"], json=body, headers=headers or {})


async def test_a_repeated_request_gets_the_first_answer_and_its_secret_is_not_to_be_read(site):
    headers = {"Idempotency-Key": "a key of mine"}
    answers = await asyncio.gather(*(made_token(site, headers) for _ in range(4)))
    first = next(answer for answer in answers if answer.status == 201)
    assert {answer.status for answer in answers} <= {201, 409}
    again = await made_token(site, headers)
    assert (again.status, again.json) == (201, first.json)
    assert len((await site.call("GET", "/v1/tokens/?inbox_id=agent@local.test", site.tokens["a session"])).json) == 4
    assert (await made_token(site, headers, label="another")).status == 409
    ((key, answer),) = await site.house.rows("SELECT key, answer FROM idempotency")
    assert "a key of mine" not in key
    secret = first.json["token"].encode()
    assert secret not in answer.encode()
    assert secret not in base64.b64decode(answer)
    other = await site.call(
        "POST", "/v1/tokens/", site.tokens["b session"], json={"scopes": ["email:read"]}, headers=headers
    )
    assert other.status == 201
    assert other.json["token"] != first.json["token"]


async def test_a_request_that_failed_may_be_made_again_under_its_key(site):
    headers, path = {"Idempotency-Key": "k"}, "/v1/inboxes/"
    body = {"address": "new@nowhere.test"}
    for _ in range(2):
        assert (await site.call("POST", path, site.tokens["a session"], json=body, headers=headers)).status == 400
    assert await site.house.rows("SELECT * FROM idempotency") == []


async def test_a_rotated_token_works_on_for_its_grace(site):
    token = (await made_token(site)).json
    path = f"/v1/tokens/{token['token_id']}"
    rotated = await site.call("POST", f"{path}/rotate/", site.tokens["a session"], json={"grace_seconds": 60})
    new = rotated.json["token"]
    cache = site.house.services.access._cache
    cache.clear()
    for text in (token["token"], new):
        assert (await site.call("GET", "/v1/messages/", text)).status == 200
    await site.house.store.database.write(lambda tx: tx.execute("UPDATE token SET previous_until = 1"))
    cache.clear()
    assert (await site.call("GET", "/v1/messages/", token["token"])).status == 401
    assert (await site.call("GET", "/v1/messages/", new)).status == 200
    changed = await site.call("PATCH", f"{path}/", site.tokens["a session"], json={"scopes": ["email:send"]})
    assert changed.json["scopes"] == ["email:send"]
    cache.clear()
    assert (await site.call("GET", "/v1/messages/", new)).status == 403
    assert (await site.call("DELETE", f"{path}/", site.tokens["a session"])).status == 204
    cache.clear()
    assert (await site.call("GET", "/v1/usage/", new)).status == 401


async def test_a_paused_inbox_keeps_its_mail_takes_none_and_sends_none(site):
    path, session = "/v1/inboxes/agent@local.test/", site.tokens["a session"]
    await site.call("POST", "/v1/messages/", site.tokens["a1"], json=LETTER)
    assert (await site.call("PATCH", path, session, json={"status": "paused"})).json["status"] == "paused"
    assert (await site.call("POST", "/v1/messages/", site.tokens["a1"], json=LETTER)).status == 409
    assert (await site.call("GET", "/v1/messages/", site.tokens["a1"])).json["total"] == 1
    assert (await site.call("PATCH", path, session, json={"status": "active"})).status == 200
    assert (await site.call("POST", "/v1/messages/", site.tokens["a1"], json=LETTER)).status == 201


async def test_an_inbox_that_is_taken_away_leaves_nothing(site):
    path, session = "/v1/inboxes/agent@local.test/", site.tokens["a session"]
    await site.house.receive(b"From: a@remote.test\r\nSubject: x\r\n\r\nx\r\n")
    await site.house.settled()
    await site.call("POST", "/v1/messages/", site.tokens["a1"], json=LETTER)
    await site.call("PATCH", f"{path}settings/", session, json={"signature_text": "Yours"})
    assert (await site.call("DELETE", path, session)).status == 409
    assert (await site.call("DELETE", f"{path}?force=true&purge=true", session)).status == 204
    number = site.inboxes["a1"].id
    for table in ("message", "folder", "thread", "token", "password", "inbox_settings", "event", "calendar"):
        assert await site.house.rows(f"SELECT 1 FROM {table} WHERE inbox_id = ?", number) == [], table
    assert await site.house.rows("SELECT 1 FROM inbox WHERE id = ?", number) == []
    assert {row[0] for row in await site.house.rows("SELECT state FROM delivery")} == {"dropped"}
    site.house.services.access._cache.clear()
    assert (await site.call("GET", "/v1/messages/", site.tokens["a1"])).status == 401
    assert (await site.call("GET", path, session)).status == 404
    again = await site.call("POST", "/v1/inboxes/", session, json={"address": "agent@local.test"})
    assert again.status == 201
    assert (await site.call("GET", "/v1/messages/?inbox_id=agent@local.test", session)).json["total"] == 0


async def test_mail_past_its_time_goes(site):
    session, path = site.tokens["a session"], "/v1/inboxes/agent@local.test/settings/"
    for _ in range(2):
        await site.house.receive(b"From: a@remote.test\r\nSubject: x\r\n\r\nx\r\n")
    await site.house.settled()
    assert (await site.call("PATCH", path, session, json={"retention_days": 30})).json["retention_days"] == 30
    old = int(time.time() * 1000) - 31 * 86_400_000
    await site.house.store.database.write(
        lambda tx: tx.execute("UPDATE message SET received_at = ? WHERE id = (SELECT MIN(id) FROM message)", (old,))
    )
    await site.house.services.inbox_keeping.sweep()
    assert len(await site.house.rows("SELECT id FROM message")) == 1
    assert (await site.call("PATCH", path, session, json={"retention_days": None})).json["retention_days"] is None


async def test_settings_are_checked_and_a_new_password_is_never_shown(site):
    session, path = site.tokens["a session"], "/v1/inboxes/agent@local.test/settings/"
    for zone in ("Nowhere/Land", "../etc/passwd", "\0"):
        assert (await site.call("PATCH", path, session, json={"default_timezone": zone})).status == 400, zone
    answer = await site.call(
        "PATCH", path, session, json={"default_timezone": "Europe/Berlin", "smtp_password": "12345678x"}
    )
    assert answer.json["default_timezone"] == "Europe/Berlin"
    assert "12345678x" not in answer.content.decode()
    caller = await site.house.services.access.password("agent@local.test", "12345678x", "127.0.0.1")
    assert caller.inbox_id == site.inboxes["a1"].id


async def test_sender_rules_are_replaced_as_a_whole(site):
    rules = {"inbound_mode": "allowlist", "inbound_patterns": ["@Friends.test", "a@b.test", "@*.deep.test"]}
    shown = (await site.call("PUT", "/v1/sender-rules/", site.tokens["a1"], json=rules)).json
    assert shown["inbound_mode"] == "allowlist"
    assert sorted(shown["inbound_patterns"]) == ["@*.deep.test", "@friends.test", "a@b.test"]
    bad = {"inbound_mode": "blocklist", "inbound_patterns": ["@good.test", "no address"]}
    assert (await site.call("PUT", "/v1/sender-rules/", site.tokens["a1"], json=bad)).status == 400
    assert (await site.call("GET", "/v1/sender-rules/", site.tokens["a1"])).json == shown
    assert (
        await site.call("PUT", "/v1/sender-rules/", site.tokens["a1"], json={"inbound_mode": "allowlist"})
    ).status == 400
    shown = (await site.call("PUT", "/v1/sender-rules/", site.tokens["a1"], json={})).json
    assert (shown["inbound_mode"], shown["inbound_patterns"]) == ("off", [])


async def test_the_audit_log_says_who_did_what_and_is_not_to_be_changed(site):
    token = (await made_token(site)).json
    listed = (await site.call("GET", "/v1/audit/?type=token.created", site.tokens["a session"])).json["results"]
    assert [(row["object_id"], row["actor_kind"]) for row in listed] == [(token["token_id"], "session")]
    assert listed[0]["actor"].startswith("usr_")
    assert listed[0]["inbox_id"] == identifiers.encode(Kind.INBOX, site.inboxes["a1"].id)
    assert (await site.call("GET", "/v1/audit/", site.tokens["b session"])).json["results"] == []
    assert (await site.call("GET", "/v1/audit/", site.tokens["a2"])).json["results"] == []
    for sql in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit"):
        with pytest.raises(Exception, match="append-only"):
            await site.house.store.database.write(lambda tx, sql=sql: tx.execute(sql))
    for _ in range(3):
        await made_token(site)
    first = (await site.call("GET", "/v1/audit/?limit=2", site.tokens["a session"])).json
    second = (await site.call("GET", f"/v1/audit/?limit=2&cursor={first['cursor']}", site.tokens["a session"])).json
    assert len({row["audit_id"] for row in first["results"] + second["results"]}) == 4


def test_a_signature_stands_below_both_bodies():
    chosen = InboxSettings("Ann <3\nLtd.")
    text, html = signatures.sign("Hello\n", "<html><body>Hello</BODY></html>", chosen)
    assert text == "Hello\n\n-- \nAnn <3\nLtd."
    assert html == '<html><body>Hello\n<div class="signature">-- <br>\nAnn &lt;3<br>\nLtd.</div>\n</BODY></html>'
    assert signatures.sign(None, "x", InboxSettings()) == (None, "x")
