"""A socket and a webhook are told of every event once and in order, under load and over a server that is killed.

`MAILSERVER_STREAM_EVENTS` says of how many; CI tells a tenth of what is told of by `make stream`.
"""

import asyncio
import contextlib
import json
import os
import time
from dataclasses import dataclass, field

import aiohttp
import pytest
import svix.webhooks

from tests.support.receiver import Receiver
from tests.support.server import running_server
from tests.support.waiting import until

EVENTS = int(os.environ.get("MAILSERVER_STREAM_EVENTS", "1000"))
SECONDS = 180 + EVENTS / 10  # for all of it
SENDERS = 8
INBOX = "/agent/v0/inboxes/agent@local.test"


@dataclass
class Heard:
    """What a socket was told, over all the sockets that were opened one after another."""

    ids: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    opened: int = 0


async def listen(server, key, heard):
    """Listen for ever: a socket that is lost is opened again, and goes on behind what was heard last."""
    async with aiohttp.ClientSession() as client:
        while True:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
                async with asyncio.timeout(30):
                    socket = await client.ws_connect(
                        f"{server.http}/agent/v0", headers={"Authorization": f"Bearer {key}"}
                    )
                asked = {"type": "subscribe", "event_types": ["message.sent"]}
                if heard.ids:
                    asked["last_event_id"] = heard.ids[-1]
                await socket.send_json(asked)
                answer = await socket.receive_json()
                assert answer["type"] == "subscribed", answer
                heard.opened += 1
                async for frame in socket:
                    body = json.loads(frame.data)
                    heard.ids.append(body["event_id"])
                    heard.subjects.append(body["send"]["recipients"][0])
            await asyncio.sleep(0.1)


async def send(server, key, numbers):
    """Send a message for each number; one whose answer is lost is sent again under the same key, and so goes once."""
    async with server.session(key) as client:
        for number in numbers:
            body = {"to": [f"n{number}@remote.test"], "subject": str(number), "text": "x"}
            while True:
                try:
                    async with client.post(
                        f"{INBOX}/messages/send", json=body, headers={"Idempotency-Key": f"n{number}"}
                    ) as answer:
                        if answer.status == 200:
                            break
                        assert answer.status in (409, 429, 503), await answer.text()
                except (aiohttp.ClientError, ConnectionError):
                    pass
                await asyncio.sleep(0.1)


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("kills", [0, 1], ids=["under load", "killed in the middle"])
async def test_every_event_is_heard_once_and_in_order_by_a_socket_and_a_webhook(tmp_path, kills):
    limits = {
        f"limits__{what}_per_inbox_per_{when}": 0 for what in ("messages", "recipients") for when in ("hour", "day")
    }
    async with (
        asyncio.timeout(SECONDS),
        Receiver() as receiver,
        running_server(tmp_path, outbound_http__allow_private=True, **limits) as server,
    ):
        key = server.account["api_key"]
        async with server.session(key) as client:
            wanted = {"url": receiver.url(), "event_types": ["message.sent"]}
            async with client.post("/agent/v0/webhooks", json=wanted) as answer:
                assert answer.status == 200, await answer.text()
                secret = (await answer.json())["secret"]
        heard = Heard()
        listening = asyncio.create_task(listen(server, key, heard))
        await until(lambda: heard.opened)
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for sender in range(SENDERS):
                group.create_task(send(server, key, range(sender, EVENTS, SENDERS)))
            for number in range(kills):
                while len(heard.ids) < EVENTS * (number + 1) // (kills + 1):
                    await asyncio.sleep(0.01)
                await server.kill()
                await server.start()
        while len(heard.ids) < EVENTS or len({hook.id for hook in receiver.hooks}) < EVENTS:
            assert not listening.done(), listening.exception()
            await asyncio.sleep(0.05)
        took = time.monotonic() - begun
        await asyncio.sleep(1)  # for what should not come any more
        listening.cancel()
        assert sorted(heard.subjects) == sorted(f"n{number}@remote.test" for number in range(EVENTS))
        assert len(heard.ids) == len(set(heard.ids)) == EVENTS
        assert heard.opened == kills + 1
        posted, again = {}, 0
        for hook in receiver.hooks:
            svix.webhooks.Webhook(secret).verify(hook.content, hook.headers)
            told = json.loads(hook.content)["event_id"]
            again += hook.headers["svix-id"] in posted
            assert posted.setdefault(hook.headers["svix-id"], told) == told, "an id is that of one event"
        assert list(posted.values()) == heard.ids, "both are told in the order of commits"
        assert again == 0 or kills
        print(f"{EVENTS} events in {took:.1f} s, {again} posted again")
