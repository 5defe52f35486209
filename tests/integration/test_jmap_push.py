"""A real appliance tells its clients: by stream, socket and subscription, over a kill, until it stops."""

import asyncio
import json
import smtplib
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.pushed import Browser, Events
from tests.support.receiver import Receiver
from tests.support.server import running_server
from tests.support.waiting import until

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
SOON_SECONDS = 60.0  # for a change to be told; a tenth of a second where nothing else runs
STOP_SECONDS = 40.0  # with streams and sockets open
LETTER = (
    b"From: joe@remote.test\r\nTo: agent@local.test\r\nSubject: n%d\r\nMessage-ID: <%d@remote.test>\r\n\r\nHello\r\n"
)


def _deliver(server, number):
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.sendmail("joe@remote.test", ["agent@local.test"], LETTER % (number, number))


async def _one(client, name, **arguments):
    body = {"using": [CORE, MAIL], "methodCalls": [[name, arguments, "0"]]}
    async with client.post("/jmap/api", json=body) as answer:
        assert answer.status == 200, await answer.text()
        kind, found, _ = (await answer.json())["methodResponses"][0]
        assert kind == name, found
        return found


async def _are_there(client, account_id, number):
    return len((await _one(client, "Email/query", accountId=account_id))["ids"]) == number


@asynccontextmanager
async def _stream(server, client, last_id=None):
    headers = {"Last-Event-ID": last_id} if last_id else {}
    url = "/jmap/eventsource?types=*&closeafter=no&ping=30"
    async with client.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as response:
        assert response.status == 200
        events = Events(response)
        await events.begun()
        yield events


def _socket(server):
    return connect(
        server.http.replace("http", "ws", 1) + "/jmap/ws", subprotocols=["jmap"], proxy=None,
        additional_headers={"Authorization": f"Bearer {server.account['agent_token']}"},
    )  # fmt: skip


async def test_every_change_is_told_by_every_way_within_a_second_over_a_kill_until_the_server_stops(tmp_path):
    browser = Browser()
    async with (
        Receiver() as receiver,
        running_server(tmp_path, outbound_http__allow_private=True) as server,
        server.session() as client,
    ):
        async with client.get("/.well-known/jmap") as answer:
            session = await answer.json()
            (account_id,) = session["accounts"]
        given = {"deviceClientId": "phone", "url": receiver.url(), "keys": browser.keys, "types": ["Email"]}
        made = await _one(client, "PushSubscription/set", create={"p": given})
        number = made["created"]["p"]["id"]
        await receiver.until(lambda: receiver.hooks)
        code = browser.read(receiver.hooks[0].content)["verificationCode"]
        await _one(client, "PushSubscription/set", update={number: {"verificationCode": code}})

        async with _stream(server, client) as events, _socket(server) as socket:
            await socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": ["Email"]}))
            await socket.send(json.dumps({"@type": "Request", "using": [], "methodCalls": [], "id": "ready"}))
            assert json.loads(await socket.recv())["requestId"] == "ready"

            async def told(change):
                """What the three are told of a change, and how long the slowest of them took."""
                hooks = len(receiver.hooks)
                await asyncio.sleep(1.2)  # pushes pause for a second
                begun = time.monotonic()
                await change()
                async with asyncio.timeout(60):
                    first = (await events.next()).body["changed"][account_id]
                    second = json.loads(await socket.recv())["changed"][account_id]
                    while len(receiver.hooks) == hooks:
                        await asyncio.sleep(0.01)
                third = browser.read(receiver.hooks[-1].content)["changed"][account_id]
                took = time.monotonic() - begun
                assert first["Email"] == second["Email"] == third["Email"]
                return first, took

            smtp, took = await told(lambda: asyncio.to_thread(_deliver, server, 1))
            assert took < SOON_SECONDS
            assert "EmailDelivery" in smtp
            ids = (await _one(client, "Email/query", accountId=account_id))["ids"]

            async def gent():
                async with client.patch(f"/v1/messages/{ids[0]}/", json={"mark_read": True}) as answer:
                    assert answer.status == 204

            async def agentry():
                path = f"/agent/v0/inboxes/agent@local.test/messages/{ids[0]}"
                async with (
                    server.session(server.account["api_key"]) as key,
                    key.patch(path, json={"add_labels": ["seen-by-agent"]}) as answer,
                ):
                    assert answer.status == 200, await answer.text()

            for change in (gent, agentry):
                states, took = await told(change)
                assert took < SOON_SECONDS
                assert states["Email"] == (await _one(client, "Email/get", accountId=account_id, ids=[]))["state"]
            done = {}

            async def jmap():
                patch = {ids[0]: {"keywords/$flagged": True}}
                done.update(await _one(client, "Email/set", accountId=account_id, update=patch))

            states, took = await told(jmap)
            assert took < SOON_SECONDS
            assert states["Email"] == done["newState"]
            last_id = events.last_id
            await server.kill()
        hooks = len(receiver.hooks)

        await server.start()
        await asyncio.to_thread(_deliver, server, 2)
        async with server.session() as again:
            await until(lambda: _are_there(again, account_id, 2))
            state = (await _one(again, "Email/get", accountId=account_id, ids=[]))["state"]
            async with _stream(server, again, last_id) as events:
                missed = (await events.next()).body["changed"][account_id]
                assert missed["Email"] == state
        last = {account_id: {"Email": state}}  # what was told before the kill may be told again before it
        await receiver.until(lambda: browser.read(receiver.hooks[-1].content)["changed"] == last)
        assert len(receiver.hooks) > hooks
        async with server.session() as again, _stream(server, again) as events, _socket(server) as socket:
            begun = time.monotonic()
            stopping = asyncio.create_task(server.stop())
            assert await events.ends(STOP_SECONDS)
            with pytest.raises(ConnectionClosed) as closed:
                async with asyncio.timeout(STOP_SECONDS):
                    await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            assert await stopping == 0
            assert time.monotonic() - begun < STOP_SECONDS


async def test_no_subscription_leads_into_a_private_network(tmp_path):
    async with running_server(tmp_path) as server, server.session() as client:
        for url in (
            "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/", "https://169.254.169.254/", "https://2130706433/",
            "https://push.test:22/", "http://push.test/",
        ):  # fmt: skip
            given = {"deviceClientId": "phone", "url": url}
            refused = await _one(client, "PushSubscription/set", create={"p": given})
            assert refused["notCreated"]["p"]["properties"] == ["url"], url
        # A name that leads there is found out when it is asked: nothing is posted, and no try ends the server.
        given = {"deviceClientId": "phone", "url": "https://localhost/"}
        made = await _one(client, "PushSubscription/set", create={"p": given})
        await until(lambda: "jmap.push.refused" in server.log)
        one = (await _one(client, "PushSubscription/get", ids=None))["list"]
        assert [each["id"] for each in one] == [made["created"]["p"]["id"]]
