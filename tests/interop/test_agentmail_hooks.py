"""The AgentMail SDK on keys and webhooks, and what a receiver gets: verified by svix, read by strict models."""

import asyncio
import contextlib
import json

import agentmail
import aiohttp
import dns.zone
import httpx
import pytest
import svix.webhooks
from agentmail.api_keys.types import ApiKeyPermissions, CreateBearerApiKeyRequest
from agentmail.core.api_error import ApiError
from agentmail.environment import AgentMailEnvironment
from agentmail.events import types as event_types
from agentmail.websockets.types import Subscribe, Subscribed

from mailserver.api.agentry import websocket
from mailserver.api.agentry.event_bodies import AgentryPosting, EventBodies
from mailserver.entities.delivery import Delivered, Failed, FailureKind
from mailserver.events.follower import Follower
from mailserver.http import middleware
from mailserver.mail.reply import Reply
from tests.support.receiver import Receiver, posting
from tests.support.sdk_models import problems
from tests.support.served import served
from tests.support.waiting import until

BASE = "/agent/v0"
RAW = b"From: Alice <alice@remote.test>\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%s@remote.test>\r\n\r\n%s\r\n"
MODELS = {
    "message.received": event_types.MessageReceivedEvent, "message.sent": event_types.MessageSentEvent,
    "message.delivered": event_types.MessageDeliveredEvent, "message.bounced": event_types.MessageBouncedEvent,
    "message.received.unauthenticated": event_types.MessageReceivedEvent,
    "message.rejected": event_types.MessageRejectedEvent,
}  # fmt: skip


@contextlib.asynccontextmanager
async def opened(directory, *, verify=False):
    async with (
        served(directory, outbound_http={"allow_private": True}, authentication={"verify": verify}) as site,
        httpx.AsyncClient() as http,
    ):
        await site.house.store.database.write(lambda tx: tx.execute("DELETE FROM event_feed"))
        base = f"{site.base}/agent"
        yield site, agentmail.AsyncAgentMail(
            api_key=site.tokens["a key"], httpx_client=http,
            environment=AgentMailEnvironment(http=base, websockets=base.replace("http", "ws")),
        )  # fmt: skip


@contextlib.asynccontextmanager
async def telling(site):
    """The engines that post, and somebody who gets it."""
    house = site.house
    worded = AgentryPosting(house.services.notify.posting, EventBodies(house.services))
    async with Receiver() as receiver, posting(house, posting=worded):
        yield receiver


async def handed_out(site):
    """Wait until what has happened was told to those who listened just then."""
    await until(lambda: is_handed_out(site))


async def is_handed_out(site):
    return not await site.house.rows("SELECT 1 FROM event_feed")


async def receive(site, name, text=b"Hello.", to="agent@local.test", subject=b"Hi"):
    await site.house.receive(RAW % (to.encode(), subject, name, text), to=[to])
    await site.house.settled()


def strict(hook, secret):
    """What was posted, verified as a receiver does, and read by the SDK's own model."""
    svix.webhooks.Webhook(secret).verify(hook.content, hook.headers)
    with pytest.raises(svix.webhooks.WebhookVerificationError):
        svix.webhooks.Webhook(secret).verify(hook.content + b" ", hook.headers)
    body = json.loads(hook.content)
    assert problems(MODELS[body["event_type"]], body) == []
    assert hook.headers["svix-id"] == hook.headers["webhook-id"]
    return body


async def test_a_message_is_told_whole_and_a_sent_one_in_all_its_fates(tmp_path):
    async with opened(tmp_path) as (site, sdk), telling(site) as receiver:
        made = await sdk.webhooks.create(url=receiver.url(), event_types=[], client_id="main", headers={"X-Team": "a"})
        await receive(site, b"one", b"The kingfisher sings.\r\n\r\nOn Fri, Bob wrote:\r\n> Old.")
        await receiver.until(lambda: receiver.hooks)
        body = strict(receiver.hooks[0], made.secret)
        assert body["event_type"] == "message.received"
        assert body["message"]["inbox_id"] == "agent@local.test"
        assert "kingfisher" in body["message"]["text"]
        assert "Old" not in body["message"]["extracted_text"]
        assert body["thread"]["message_count"] == 1
        assert receiver.hooks[0].headers["x-team"] == "a"
        inboxes = sdk.inboxes.messages
        sent = await inboxes.send("agent@local.test", to=["bob@remote.test", "eve@remote.test"], subject="x", text="y")
        waiting = [(job.message, each) for job in await site.house.services.queue.page() for each in job.deliveries]
        fates = (
            Delivered(2, "mx.remote.test", Reply(250, "2.0.0", "ok")),
            Failed(3, FailureKind.REFUSED, Reply(550, "5.1.1", "no")),
        )
        for (message, delivery), fate in zip(waiting, fates, strict=True):
            record = site.house.assembled.outcomes.record
            await site.house.store.database.write(record, message, delivery, fate)
        await receiver.until(lambda: len(receiver.hooks) == 4)
        told = {body["event_type"]: body for body in (strict(hook, made.secret) for hook in receiver.hooks)}
        assert told["message.sent"]["send"]["recipients"] == ["bob@remote.test", "eve@remote.test"]
        for kind, name in (("sent", "send"), ("delivered", "delivery"), ("bounced", "bounce")):
            about = told[f"message.{kind}"][name]
            assert (about["message_id"], about["thread_id"]) == (sent.message_id, sent.thread_id)
            assert about["inbox_id"] == "agent@local.test"
        bounce = told["message.bounced"]["bounce"]
        assert (bounce["type"], bounce["sub_type"]) == ("Permanent", "NoEmail")
        assert bounce["recipients"][0]["status"] == "5.1.1"
        with contextlib.suppress(ApiError):  # nobody is left to write to
            await inboxes.send("agent@local.test", to=[bounce["recipients"][0]["address"], "x@remote.test"], text="y")
        await receiver.until(lambda: len(receiver.hooks) == 6)
        rejected = [strict(hook, made.secret) for hook in receiver.hooks if b"message.rejected" in hook.content]
        assert bounce["recipients"][0]["address"] in rejected[0]["reject"]["reason"]


async def test_a_secret_is_the_same_whenever_it_is_asked_for(tmp_path):
    async with opened(tmp_path) as (site, sdk), telling(site) as receiver:
        made = await sdk.webhooks.create(url=receiver.url(), event_types=["message.received"], client_id="main")
        again = await sdk.webhooks.create(url=receiver.url("other"), event_types=[], client_id="main")
        assert (again.webhook_id, again.url) == (made.webhook_id, made.url)
        got = await sdk.webhooks.get(made.webhook_id)
        for later in (again, got, (await sdk.webhooks.list()).webhooks[0]):
            assert later.secret == made.secret
        changed = await sdk.webhooks.update_headers(made.webhook_id, headers={"X-A": "1", "X-B": "2"})
        assert changed is None
        await sdk.webhooks.update_headers(made.webhook_id, headers={"x-b": "3"}, remove_headers=["x-a"])
        assert (await sdk.webhooks.get_headers(made.webhook_id)).header_names == ["x-b"]
        await receive(site, b"one")
        await receiver.until(lambda: receiver.hooks)
        assert receiver.hooks[0].headers["x-b"] == "3"
        await sdk.webhooks.update(made.webhook_id, enabled=False)
        await receive(site, b"two")
        await handed_out(site)
        await sdk.webhooks.delete(made.webhook_id)
        with pytest.raises(ApiError) as gone:
            await sdk.webhooks.get(made.webhook_id)
        assert gone.value.status_code == 404
        fresh = await sdk.webhooks.create(url=receiver.url("new"), event_types=["message.received"], client_id="main")
        assert fresh.webhook_id != made.webhook_id
        await receive(site, b"three")
        await receiver.until(lambda: receiver.got("new"))
        assert len(receiver.hooks) == 2


async def test_only_the_inboxes_and_types_that_were_named_are_told(tmp_path):
    async with opened(tmp_path) as (site, sdk), telling(site) as receiver:
        second = await sdk.webhooks.create(
            url=receiver.url("second"), event_types=["message.received"], inbox_ids=["second@local.test"]
        )
        await sdk.inboxes.webhooks.create("agent@local.test", url=receiver.url("own"), event_types=["message.received"])
        await sdk.webhooks.create(url=receiver.url("sent"), event_types=["message.sent"])
        await receive(site, b"one")
        await receive(site, b"two", to="second@local.test")
        await receive(site, b"three", to="agent@other.test")  # somebody else's
        await handed_out(site)
        await sdk.webhooks.update(second.webhook_id, add_inbox_ids=["agent@local.test"])
        await receive(site, b"four")
        await receiver.until(lambda: len(receiver.got("second")) == 2 and len(receiver.got("own")) == 2)
        assert [hook.json["message"]["message_id"] for hook in receiver.got("second")] == [
            "<two@remote.test>", "<four@remote.test>",
        ]  # fmt: skip
        assert not receiver.got("sent")
        shown = await sdk.webhooks.get(second.webhook_id)
        assert shown.inbox_ids == ["second@local.test", "agent@local.test"]
        both = ["second@local.test", "agent@local.test"]
        with pytest.raises(ApiError) as last:
            await sdk.webhooks.update(second.webhook_id, remove_inbox_ids=both)
        assert last.value.status_code == 400


async def test_mail_of_nobody_knows_whom_is_told_to_those_who_named_it(tmp_path):
    async with opened(tmp_path, verify=True) as (site, sdk), telling(site) as receiver:
        await sdk.webhooks.create(url=receiver.url("all"), event_types=[])
        named = ["message.received", "message.received.unauthenticated"]
        wanted = await sdk.webhooks.create(url=receiver.url("named"), event_types=named)
        await receive(site, b"one")
        await receiver.until(lambda: receiver.got("named"))
        body = strict(receiver.got("named")[0], wanted.secret)
        assert body["event_type"] == "message.received.unauthenticated"
        assert "unauthenticated" in body["message"]["labels"]
        assert not receiver.got("all")


async def test_a_long_message_is_told_without_its_text_and_a_deleted_one_not_at_all(tmp_path):
    async with opened(tmp_path) as (site, sdk):
        async with telling(site) as receiver:
            made = await sdk.webhooks.create(url=receiver.url(), event_types=["message.received"])
            await receive(site, b"long", b"word " * 60 + b"\r\n" + b"word word word word\r\n" * 60_000)
            await receiver.until(lambda: receiver.hooks)
            body = strict(receiver.hooks[0], made.secret)
            assert len(receiver.hooks[0].content) < 1 << 20
            assert body["message"]["size"] > 1 << 20
            assert "text" not in body["message"]
        await sdk.webhooks.update(made.webhook_id, event_types=["message.received"])
        await receive(site, b"gone")
        await receive(site, b"stays")
        await sdk.inboxes.messages.delete("agent@local.test", "<gone@remote.test>")
        await sdk.inboxes.messages.delete("agent@local.test", "<gone@remote.test>")
        async with telling(site) as receiver:
            moved = f"http://127.0.0.1:{receiver.port}/"
            await site.house.store.database.write(
                lambda tx: tx.execute("UPDATE webhook_endpoint SET url = ?", (moved,))
            )
            await receiver.until(lambda: receiver.hooks)
            assert [hook.json["message"]["message_id"] for hook in receiver.hooks] == ["<stays@remote.test>"]


async def test_keys_through_the_sdk(tmp_path):
    async with opened(tmp_path) as (_, sdk):
        me = await sdk.auth.me()
        assert me.scope_type == "organization"
        organization = await sdk.organizations.get()
        assert (organization.organization_id, organization.inbox_count) == (me.organization_id, 2)
        wanted = CreateBearerApiKeyRequest(name="bot", permissions=ApiKeyPermissions(message_send=True))
        made = await sdk.api_keys.create(request=wanted)
        shown = await sdk.api_keys.get(made.api_key_id)
        assert (shown.type, shown.name, shown.permissions.message_send) == ("bearer", "bot", True)
        changed = await sdk.api_keys.update(made.api_key_id, name="robot")
        assert changed.name == "robot"
        bound = await sdk.inboxes.api_keys.create("agent@local.test", request=CreateBearerApiKeyRequest())
        assert bound.inbox_id == "agent@local.test"
        listed = (await sdk.inboxes.api_keys.list("agent@local.test")).api_keys
        assert [one.api_key_id for one in listed] == [bound.api_key_id]
        await sdk.inboxes.api_keys.delete("agent@local.test", bound.api_key_id)
        await sdk.api_keys.delete(made.api_key_id)
        with pytest.raises(ApiError) as gone:
            await sdk.api_keys.get(made.api_key_id)
        assert gone.value.status_code == 404


async def test_a_key_that_may_not_read_mail_is_not_told_of_it(tmp_path):
    async with opened(tmp_path) as (site, sdk):
        wanted = CreateBearerApiKeyRequest(permissions=ApiKeyPermissions(webhook_create=True))
        made = await sdk.api_keys.create(request=wanted)
        body = {"url": "https://hooks.remote.test/", "event_types": ["message.received"]}
        answer = await site.call("POST", f"{BASE}/webhooks", made.api_key, json=body)
        assert answer.status == 403


@contextlib.asynccontextmanager
async def listening(site):
    """The engines that tell those who listen."""
    house = site.house
    engines = (house.services.notify.live, Follower(house.assembled.fanout, house.doorbell))
    tasks = [asyncio.create_task(engine.run()) for engine in engines]
    try:
        yield
    finally:
        for engine in engines:
            engine.stop()
        await asyncio.gather(*tasks)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # how the SDK imports websockets
async def test_the_sdk_hears_of_mail_within_a_second_once_and_in_order(tmp_path):
    async with (
        opened(tmp_path) as (site, sdk),
        listening(site),
        sdk.websockets.connect(api_key=site.tokens["a key"]) as socket,
    ):
        await socket.send_subscribe(Subscribe(event_types=["message.received"], inbox_ids=["agent@local.test"]))
        echo = await socket.recv()
        assert isinstance(echo, Subscribed)
        assert (echo.event_types, echo.inbox_ids) == (["message.received"], ["agent@local.test"])
        for number in range(12):
            await receive(site, b"m%d" % number)
            await receive(site, b"x%d" % number, to="second@local.test")
            await receive(site, b"y%d" % number, to="agent@other.test")
        heard = []
        async with asyncio.timeout(60):
            while len(heard) < 12:
                heard.append((await socket.recv()).message)
        assert [one.message_id for one in heard] == [f"<m{number}@remote.test>" for number in range(12)]
        assert "Hello." in heard[0].text
        await receive(site, b"last")
        async with asyncio.timeout(60):
            event = await socket.recv()
        assert event.message.message_id == "<last@remote.test>"
        assert problems(event_types.MessageReceivedEvent, json.loads(event.model_dump_json(by_alias=True))) == []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.7):
                await socket.recv()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # how the SDK imports websockets
async def test_the_sdk_goes_on_behind_the_event_that_it_saw_last(tmp_path):
    async with opened(tmp_path) as (site, sdk), listening(site):
        asked = Subscribe(event_types=["message.received"])
        async with sdk.websockets.connect(api_key=site.tokens["a key"]) as socket:
            await socket.send_subscribe(asked)
            await socket.recv()
            await receive(site, b"one")
            async with asyncio.timeout(60):
                seen = await socket.recv()
        for name in (b"two", b"three"):
            await receive(site, name)
        async with sdk.websockets.connect(api_key=site.tokens["a key"]) as socket:
            for last in ("evt_strange", "evt_0000000000007"):
                await socket.send_subscribe(Subscribe(event_types=["message.received"], last_event_id=last))
                assert json.loads(await socket._websocket.recv())["name"] == "NotFoundError"
            await socket.send_subscribe(Subscribe(event_types=["message.received"], last_event_id=seen.event_id))
            assert isinstance(await socket.recv(), Subscribed)
            await receive(site, b"four")
            async with asyncio.timeout(60):
                heard = [(await socket.recv()).message.message_id for _ in range(3)]
            assert heard == ["<two@remote.test>", "<three@remote.test>", "<four@remote.test>"]
            await socket.send_subscribe(Subscribe(last_event_id=seen.event_id))
            assert json.loads(await socket._websocket.recv())["name"] == "ValidationError"


async def test_nobody_gets_a_socket_without_a_key_nor_hears_of_what_is_not_his(tmp_path):
    async with opened(tmp_path) as (site, sdk), listening(site), aiohttp.ClientSession() as http:
        for headers, query in (({}, ""), ({}, "?api_key=ag_wrong"), ({"Authorization": "Bearer gent_x"}, "")):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(f"{site.base}{BASE}{query}", headers=headers)
            assert refused.value.status == 401
        assert (await site.call("GET", BASE, site.tokens["a key"])).status == 404
        bound = await sdk.inboxes.api_keys.create("second@local.test", request=CreateBearerApiKeyRequest())
        sending = CreateBearerApiKeyRequest(permissions=ApiKeyPermissions(message_send=True))
        sending = await sdk.api_keys.create(request=sending)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{site.base}{BASE}?api_key={sending.api_key}")
        assert refused.value.status == 403
        async with http.ws_connect(f"{site.base}{BASE}?api_key={bound.api_key}&namespace=agent") as socket:
            for frame in (
                "{", "[]", '{"type":"no"}', '{"type":"subscribe","event_types":["no.such"]}',
                '{"type":"subscribe","inbox_ids":["agent@local.test"]}', '{"type":"subscribe","pod_ids":["pod_x"]}',
                '{"type":"subscribe","inbox_ids":["agent@other.test"]}',
            ):  # fmt: skip
                await socket.send_str(frame)
                answer = await socket.receive_json(timeout=30)
                assert answer["type"] == "error", frame
            await socket.send_str('{"type":"subscribe"}')
            assert (await socket.receive_json(timeout=30)) == {"type": "subscribed"}
            await receive(site, b"one")
            await receive(site, b"two", to="second@local.test")
            event = await socket.receive_json(timeout=30)
            assert event["message"]["message_id"] == "<two@remote.test>"


async def test_sockets_of_a_tenant_have_a_bound_and_leave_no_trace(tmp_path, monkeypatch):
    monkeypatch.setattr(websocket, "MOST_SOCKETS", 3)
    async with opened(tmp_path) as (site, _), listening(site), aiohttp.ClientSession() as http:
        address = f"{site.base}{BASE}?api_key={site.tokens['a key']}"
        sockets = [await http.ws_connect(address) for _ in range(3)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(address)
        assert refused.value.status == 429
        for socket in sockets:
            await socket.send_str('{"type":"subscribe"}')
            await socket.receive_json(timeout=30)
        live = site.house.services.notify.live
        tenant_id = site.inboxes["a1"].tenant_id
        assert live.count(tenant_id) == 3
        for socket in sockets:
            await socket.close()
        await until(lambda: not live.count(tenant_id))
        await (await http.ws_connect(address)).close()


async def test_silent_and_revoked_sockets_are_closed_with_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(websocket, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(websocket, "ASK_AGAIN_SECONDS", 0.3)
    async with opened(tmp_path) as (site, sdk), aiohttp.ClientSession() as http:
        silent = await http.ws_connect(f"{site.base}{BASE}?api_key={site.tokens['a key']}")
        told = await silent.receive(timeout=30)
        assert (told.type, told.data) == (aiohttp.WSMsgType.CLOSE, 1008)
        assert "subscribed" in told.extra
        monkeypatch.setattr(websocket, "SILENCE_SECONDS", 60.0)
        made = await sdk.api_keys.create(request=CreateBearerApiKeyRequest())
        socket = await http.ws_connect(f"{site.base}{BASE}?api_key={made.api_key}")
        await socket.send_str('{"type":"subscribe"}')
        await socket.receive_json(timeout=30)
        await sdk.api_keys.delete(made.api_key_id)
        told = await socket.receive(timeout=30)
        assert (told.type, told.data) == (aiohttp.WSMsgType.CLOSE, 1008)


async def test_a_socket_outlives_the_time_that_a_body_has(tmp_path, monkeypatch):
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.2)
    async with opened(tmp_path) as (site, _), listening(site), aiohttp.ClientSession() as http:
        socket = await http.ws_connect(f"{site.base}{BASE}?api_key={site.tokens['a key']}")
        await asyncio.sleep(0.5)
        await socket.send_str('{"type":"subscribe"}')
        assert (await socket.receive_json(timeout=30)) == {"type": "subscribed"}
        await socket.close()


async def test_domains_through_the_sdk(tmp_path):
    async with opened(tmp_path) as (site, sdk):
        made = await sdk.domains.create(domain="claimed.test", feedback_enabled=True)
        assert (made.domain_id, made.status) == ("claimed.test", "NOT_STARTED")
        assert {record.type for record in made.records} == {"TXT", "MX", "CNAME"}
        assert {record.status for record in made.records} == {"MISSING"}
        answer = await site.call("GET", f"{BASE}/domains/claimed.test", site.tokens["a key"])
        assert problems(type(made), answer.json) == []
        listed = await sdk.domains.list()
        assert [one.domain for one in listed.domains] == ["claimed.test", "local.test"]
        first = await sdk.domains.list(limit=1, ascending=True)
        second = await sdk.domains.list(limit=1, ascending=True, page_token=first.next_page_token)
        assert [first.domains[0].domain, second.domains[0].domain] == ["local.test", "claimed.test"]
        assert second.next_page_token is None
        await sdk.domains.verify("claimed.test")  # no name exists, so that it stays a claim
        assert (await sdk.domains.get("claimed.test")).status == "NOT_STARTED"
        assert (await sdk.domains.get("local.test")).status == "VERIFIED"
        text = b"".join([part async for part in sdk.domains.get_zone_file("claimed.test")])
        zone = dns.zone.from_text(text.decode(), origin="claimed.test", relativize=False, check_origin=False)
        assert zone.get_rdataset("claimed.test.", "MX")[0].preference == 10
        (dkim,) = [one for one in made.records if one.name.startswith("rsa")]
        published = zone.get_rdataset(f"{dkim.name}.", "TXT")[0]
        assert b"".join(published.strings).decode() == dkim.value
        assert (await sdk.domains.update("claimed.test", inbound_enabled=True)).inbound_enabled is True
        with pytest.raises(ApiError) as refused:
            await sdk.domains.update("claimed.test", tracking_enabled=True)
        assert refused.value.status_code == 400
        await sdk.domains.delete("claimed.test")
        for domain, status in (("claimed.test", 404), ("other.test", 404)):
            with pytest.raises(ApiError) as refused:
                await sdk.domains.get(domain)
            assert refused.value.status_code == status
        with pytest.raises(ApiError) as refused:
            await sdk.domains.delete("local.test")
        assert refused.value.status_code == 409
        bound = await sdk.inboxes.api_keys.create("agent@local.test", request=CreateBearerApiKeyRequest())
        for method, path in (("GET", "/domains"), ("GET", "/domains/local.test"), ("DELETE", "/domains/local.test")):
            assert (await site.call(method, BASE + path, bound.api_key)).status == 403
