"""What happens in a pod is told to whoever asked for that pod, and to what belongs to it, and to no other."""

import asyncio
import contextlib
import json

import aiohttp
import pytest

from mailserver.api.agentry.event_bodies import AgentryPosting, EventBodies
from mailserver.events.follower import Follower
from tests.support.receiver import Receiver, posting
from tests.support.served import served

BASE = "/agent/v0"
RAW = b"From: a@remote.test\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%s@remote.test>\r\n\r\nHello.\r\n"


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path, outbound_http={"allow_private": True}, authentication={"verify": False}) as opened:
        await opened.house.store.database.write(lambda tx: tx.execute("DELETE FROM event_feed"))
        yield opened


async def call(site, method, path, key=None, **body):
    answer = await site.call(method, f"{BASE}{path}", key or site.tokens["a key"], **({"json": body} if body else {}))
    assert answer.status == 200, answer.content
    return answer.json


async def furnished(site):
    """A pod with an inbox, and a key of it."""
    pod = (await call(site, "POST", "/pods", name="Customer"))["pod_id"]
    await call(site, "POST", f"/pods/{pod}/inboxes", username="pod")
    return pod, (await call(site, "POST", f"/pods/{pod}/api-keys", name="p"))["api_key"]


async def receive(site, *names):
    for name in names:
        to = b"pod@local.test" if name.startswith("pod") else b"agent@local.test"
        await site.house.receive(RAW % (to, name.encode(), name.encode()), to=[to.decode()])
    await site.house.settled()


async def test_webhooks(site):
    pod, key = await furnished(site)
    worded = AgentryPosting(site.house.services.notify.posting, EventBodies(site.house.services))
    async with Receiver() as receiver, posting(site.house, posting=worded):
        types = {"event_types": ["message.received"]}
        await call(site, "POST", "/webhooks", url=receiver.url("all"), **types)
        await call(site, "POST", "/webhooks", url=receiver.url("named"), pod_ids=[pod], **types)
        both = {"pod_ids": [pod], "inbox_ids": ["agent@local.test"]}
        await call(site, "POST", "/webhooks", url=receiver.url("both"), **both, **types)
        await call(site, "POST", f"/pods/{pod}/webhooks", url=receiver.url("scoped"), **types)
        await call(site, "POST", "/webhooks", key, url=receiver.url("own"), **types)
        await receive(site, "first", "pod-1", "second", "pod-2")
        await receiver.until(lambda: len(receiver.hooks) == 4 + 2 + 4 + 2 + 2)

        def told(name):
            return sorted(json.loads(hook.content)["message"]["subject"] for hook in receiver.got(name))

        every = ["first", "pod-1", "pod-2", "second"]
        assert told("all") == told("both") == every
        assert told("named") == told("scoped") == told("own") == ["pod-1", "pod-2"]


async def test_sockets(site):
    pod, key = await furnished(site)
    services = site.house.services
    follower = Follower(site.house.assembled.fanout, site.house.doorbell)
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as client, contextlib.AsyncExitStack() as stack:
        for engine in (follower, services.notify.live):
            group.create_task(engine.run())

        async def subscribed(token, **asked):
            socket = await stack.enter_async_context(client.ws_connect(f"{site.base}{BASE}?api_key={token}"))
            await socket.send_json({"type": "subscribe", "event_types": ["message.received"], **asked})
            assert (await socket.receive_json(timeout=30))["type"] == "subscribed"
            return socket

        everything = site.tokens["a key"]
        sockets = {
            "all": await subscribed(everything), "named": await subscribed(everything, pod_ids=[pod]),
            "own": await subscribed(key),
        }  # fmt: skip
        stranger = await stack.enter_async_context(client.ws_connect(f"{site.base}{BASE}?api_key={key}"))
        for foreign in ({"inbox_ids": ["agent@local.test"]}, {"pod_ids": ["pod_0000000000007"]}):
            await stranger.send_json({"type": "subscribe", **foreign})
            assert (await stranger.receive_json(timeout=30))["name"] == "NotFoundError"
        await receive(site, "first", "pod-1", "second", "pod-2")

        async def heard(name, number):
            return [(await sockets[name].receive_json(timeout=30))["message"]["subject"] for _ in range(number)]

        assert await heard("all", 4) == ["first", "pod-1", "second", "pod-2"]
        assert await heard("named", 2) == await heard("own", 2) == ["pod-1", "pod-2"]
        for socket in sockets.values():
            with pytest.raises(TimeoutError):
                await socket.receive_json(timeout=0.3)
        services.notify.live.stop()
        follower.stop()


async def test_a_socket_is_not_told_of_what_its_key_does_not_see(site):
    seen = {"message_read": True, "label_spam_read": True}
    key = (await call(site, "POST", "/api-keys", permissions=seen))["api_key"]
    caller = await site.house.services.access.token(key)
    bodies = EventBodies(site.house.services)
    await receive(site, "first")
    event = (await site.house.rows("SELECT body FROM event WHERE type = 'message.received'"))[0][0]
    told = {
        "type": "message.received", "event_id": "evt_x", "occurred_at": "2026-01-01T00:00:00Z",
        "inbox_id": "agent@local.test", "data": json.loads(event),
    }  # fmt: skip
    assert "first" in await bodies.text(caller, told)
    path = f"{BASE}/messages/%3Cfirst@remote.test%3E"
    await site.call("PATCH", path, site.tokens["a key"], json={"add_labels": "trash"})
    assert await bodies.text(caller, told) is None
