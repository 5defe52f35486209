"""Calls that wait for somebody's approval."""

import asyncio
import time

import aiohttp
import pytest

from mailserver.entities import identifiers
from mailserver.entities.access import ALL_SCOPES, Scope
from mailserver.entities.identifiers import Kind
from tests.support.served import served

GATED = frozenset({Scope.EMAIL_SEND, Scope.EMAIL_DELETE})
LETTER = {"to": [{"email": "bob@remote.test"}], "subject": "Hi", "text_body": "May I?"}


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        inbox = opened.inboxes["a1"]
        _, opened.tokens["asking"] = await opened.house.services.access.create_token(
            inbox.tenant_id, "agent", "asker", inbox_id=inbox.id, scopes=ALL_SCOPES, requires_approval=GATED
        )
        yield opened


async def queued(site):
    return (await site.house.rows("SELECT COUNT(*) FROM queued"))[0][0]


async def held(site, **more):
    answer = await site.call("POST", "/v1/messages/", site.tokens["asking"], json={**LETTER, **more})
    assert answer.status == 202
    assert answer.json["queued"] is True
    return answer.json["approval_id"]


async def decide(site, approval_id, verb, token="a session"):
    body = {"inbox_id": "agent@local.test"} if "session" in token else {}
    return await site.call("POST", f"/v1/approvals/{approval_id}/{verb}/", site.tokens[token], json=body)


async def test_what_is_held_is_sent_once_when_it_is_approved(site):
    approval_id = await held(site)
    assert await queued(site) == 0
    (shown,) = (await site.call("GET", "/v1/approvals/?status=pending", site.tokens["a1"])).json
    assert shown["approval_id"] == shown["action_id"] == approval_id
    assert shown["summary"] == "To: bob@remote.test - Hi"
    assert (shown["action_type"], shown["token_label"]) == ("email:send", "asker")
    answers = await asyncio.gather(*(decide(site, approval_id, "approve") for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [204, 400, 400, 400, 400]
    assert await queued(site) == 1
    assert (await decide(site, approval_id, "reject")).status == 400
    assert (await site.call("GET", f"/v1/approvals/{approval_id}/", site.tokens["a1"])).json["status"] == "approved"
    assert (await site.house.rows("SELECT payload FROM approval"))[0][0] is None


async def test_no_token_decides_about_what_it_asked_for(site):
    approval_id = await held(site)
    for verb in ("approve", "reject"):
        assert (await decide(site, approval_id, verb, "asking")).status == 403
    assert await queued(site) == 0
    assert (await decide(site, approval_id, "approve", "a1")).status == 204


async def test_what_is_rejected_or_expired_is_never_sent(site):
    rejected, expired = await held(site), await held(site)
    assert (await decide(site, rejected, "reject")).status == 204
    assert (await decide(site, rejected, "approve")).status == 400
    past = int(time.time() * 1000) - 1
    await site.house.store.database.write(
        lambda tx: tx.execute("UPDATE approval SET expires_at = ? WHERE state = 'pending'", (past,))
    )
    assert (await decide(site, expired, "approve")).status == 400
    assert await site.house.services.approvals.expire() == 1
    assert await queued(site) == 0
    kinds = [row[0] for row in await site.house.rows("SELECT type FROM event WHERE type LIKE 'approval.%' ORDER BY id")]
    assert kinds == ["approval.requested", "approval.requested", "approval.rejected", "approval.expired"]


async def test_lists_and_revoked_tokens_are_looked_at_when_it_runs(site):
    blocked, orphaned = await held(site), await held(site)
    rules = {"outbound_mode": "blocklist", "outbound_patterns": ["@remote.test"]}
    assert (await site.call("PUT", "/v1/sender-rules/", site.tokens["a1"], json=rules)).status == 200
    assert (await decide(site, blocked, "approve")).status == 403
    assert (await site.call("GET", f"/v1/approvals/{blocked}/", site.tokens["a1"])).json["status"] == "failed"
    await site.call("PUT", "/v1/sender-rules/", site.tokens["a1"], json={})
    await site.house.store.database.write(lambda tx: tx.execute("DELETE FROM token WHERE label = 'asker'"))
    assert (await decide(site, orphaned, "approve")).status == 400
    assert await queued(site) == 0


async def test_an_upload_that_is_gone_is_still_sent(site):
    form = aiohttp.FormData()
    form.add_field("file", b"the very content", filename="a.txt", content_type="text/plain")
    upload = (await site.call("POST", "/v1/messages/upload/", site.tokens["asking"], data=form)).json
    approval_id = await held(site, attachments=[{"blob_id": upload["blob_id"]}])
    await site.house.store.database.write(lambda tx: tx.execute("UPDATE upload SET expires_at = 1"))
    await site.house.services.attachments.sweep()
    assert (await decide(site, approval_id, "approve")).status == 204
    ((number,),) = await site.house.rows("SELECT message_id FROM queued")
    shown = await site.call("GET", f"/v1/messages/{identifiers.encode(Kind.MESSAGE, number)}/", site.tokens["a1"])
    (attachment,) = shown.json["attachments"]
    content = await site.call("GET", f"/v1/messages/blobs/{attachment['blob_id']}/", site.tokens["a1"])
    assert content.content == b"the very content"


async def test_a_repeated_request_is_held_once(site):
    headers = {"Idempotency-Key": "once"}
    first, again = [
        await site.call("POST", "/v1/messages/", site.tokens["asking"], json=LETTER, headers=headers) for _ in range(2)
    ]
    assert first.json == again.json
    other = await site.call(
        "POST", "/v1/messages/", site.tokens["asking"], json={**LETTER, "subject": "x"}, headers=headers
    )
    assert other.status == 409
    assert (await site.house.rows("SELECT COUNT(*) FROM approval"))[0][0] == 1


async def test_a_removal_waits_and_does_no_more_than_was_asked_for(site):
    message_id = await site.house.receive(b"From: a@remote.test\r\nSubject: x\r\n\r\nx\r\n")
    await site.house.settled()
    answer = await site.call("DELETE", f"/v1/messages/{message_id}/", site.tokens["asking"])
    assert answer.status == 202
    again = await site.call("DELETE", f"/v1/messages/{message_id}/", site.tokens["asking"])
    assert (await decide(site, answer.json["approval_id"], "approve")).status == 204
    assert (await site.house.rows("SELECT visibility FROM message"))[0][0] == 2
    # The second was asked for while the message was no trash: it does not take it out of Trash.
    assert (await decide(site, again.json["approval_id"], "approve")).status == 204
    assert (await site.house.rows("SELECT visibility FROM message"))[0][0] == 2


async def test_a_scope_that_cannot_wait_is_refused(site):
    inbox = site.inboxes["a1"]
    _, token = await site.house.services.access.create_token(
        inbox.tenant_id, "agent", "x", inbox_id=inbox.id, requires_approval=frozenset({Scope.ADMIN})
    )
    assert (await site.call("PUT", "/v1/sender-rules/", token, json={})).status == 403
