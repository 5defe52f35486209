"""Applications that listen to a real appliance: told by webhook and by socket, over a kill, until it stops."""

import asyncio
import time

import aiohttp
import svix.webhooks

from tests.support.receiver import Receiver
from tests.support.server import running_server

SEND = "/agent/v0/inboxes/agent@local.test/messages/send"
SOON_SECONDS = 40.0  # to stop in, with a socket open
TYPES = ["message.sent", "message.received", "message.received.unauthenticated"]


async def test_mail_is_told_by_both_over_a_kill_and_an_open_socket_keeps_no_server_from_stopping(tmp_path):
    async with (
        Receiver() as receiver,
        running_server(tmp_path, outbound_http__allow_private=True) as server,
    ):
        key = server.account["api_key"]
        async with server.session(key) as client:
            hook = {"url": receiver.url(), "event_types": TYPES}
            async with client.post("/agent/v0/webhooks", json=hook) as answer:
                secret = (await answer.json())["secret"]
            for number in range(2):
                if number:
                    await server.kill()
                    await server.start()
                async with aiohttp.ClientSession(server.http) as listening:
                    socket = await listening.ws_connect("/agent/v0", headers={"Authorization": f"Bearer {key}"})
                    await socket.send_json({"type": "subscribe", "event_types": TYPES})
                    assert (await socket.receive_json(timeout=60))["type"] == "subscribed"
                    letter = {"to": "agent@local.test", "subject": f"n{number}", "text": "To myself."}
                    async with server.session(key) as sender, sender.post(SEND, json=letter) as answer:
                        assert answer.status == 200, await answer.text()
                    sent = await socket.receive_json(timeout=60)
                    assert sent["event_type"] == "message.sent"
                    received = await socket.receive_json(timeout=60)
                    assert received["message"]["subject"] == f"n{number}"
                    both = 2 * (number + 1)
                    await receiver.until(lambda both=both: len({hook.id for hook in receiver.hooks}) == both)
                    if number:
                        begun = time.monotonic()
                        stopping = asyncio.create_task(server.stop())
                        told = await socket.receive(timeout=SOON_SECONDS)
                        assert (told.type, told.data) == (aiohttp.WSMsgType.CLOSE, 1001)
                        await stopping
                        assert time.monotonic() - begun < SOON_SECONDS
        for hook in receiver.hooks:
            svix.webhooks.Webhook(secret).verify(hook.content, hook.headers)
