"""The websocket of RFC 8887, through a client that knows nothing of this server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from mailserver.jmap.push import connections, websocket
from mailserver.services.syncing import state_changes
from tests.support import pushed
from tests.support.jmap import CORE, MAIL, Client
from tests.support.served import Site, served

WEBSOCKET = "urn:ietf:params:jmap:websocket"
ERROR = "urn:ietf:params:jmap:error:"
LETTER = (
    b"From: joe@remote.test\r\nTo: agent@local.test\r\nSubject: Hello\r\nMessage-ID: <%d@remote.test>\r\n\r\nHello\r\n"
)


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(state_changes, "POLL_SECONDS", 3_600.0)  # what is told was rung for
    async with served(tmp_path) as opened, pushed.told(opened):
        yield opened


@asynccontextmanager
async def _socket(site: Site, client: Client, **more: Any) -> AsyncIterator[ClientConnection]:
    url = site.base.replace("http", "ws", 1) + "/jmap/ws"
    chosen = {"subprotocols": ["jmap"], "additional_headers": {"Authorization": f"Bearer {client.token}"}, **more}
    async with connect(url, proxy=None, **chosen) as socket:
        yield socket


async def _heard(socket: ClientConnection, seconds: float = 30) -> Any:
    async with asyncio.timeout(seconds):
        return json.loads(await socket.recv())


def _request(client: Client, *calls: tuple[str, dict[str, Any]], **more: Any) -> str:
    asked = [[name, arguments, str(number)] for number, (name, arguments) in enumerate(calls)]
    return json.dumps({"@type": "Request", "using": [CORE, MAIL], "methodCalls": asked, **more})


async def test_the_session_says_where_the_socket_is(site: Site) -> None:
    session = (await site.call("GET", "/.well-known/jmap", site.tokens["a1"])).json
    assert session["capabilities"][WEBSOCKET] == {"url": "ws://mail.local.test/jmap/ws", "supportsPush": True}


async def test_requests_are_answered_with_their_ids_as_over_http(site: Site) -> None:
    client = Client(site, "a1")
    async with _socket(site, client) as socket:
        assert socket.subprotocol == "jmap"
        assert "Sec-WebSocket-Extensions" not in (socket.response.headers if socket.response else {})
        calls = (
            ("Mailbox/set", {"accountId": client.account_id, "create": {"m": {"name": "Box"}}}),
            ("Core/echo", {"hello": [1, None]}), ("Nothing/get", {}),
        )  # fmt: skip
        await socket.send(_request(client, *calls, id="R1", createdIds={}))
        answer = await _heard(socket)
        assert (answer["@type"], answer["requestId"]) == ("Response", "R1")
        assert [each[0] for each in answer["methodResponses"]] == ["Mailbox/set", "Core/echo", "error"]
        assert answer["createdIds"] == {"m": answer["methodResponses"][0][1]["created"]["m"]["id"]}
        session = (await site.call("GET", "/.well-known/jmap", client.token)).json
        assert answer["sessionState"] == session["state"]
        await socket.send(_request(client, ("Core/echo", {})))
        assert "requestId" not in await _heard(socket)


@pytest.mark.parametrize(
    ("frame", "kind", "request_id"),
    [
        ("garbage {", "notJSON", None),
        ("[]", "notRequest", None),
        ("null", "notRequest", None),
        ('{"@type":"Nonsense","id":"a"}', "notRequest", "a"),
        ('{"id":"a"}', "notRequest", "a"),
        ('{"@type":"Request","id":7}', "notRequest", None),
        ('{"@type":"Request","id":"a","using":[]}', "notRequest", "a"),
        ('{"@type":"Request","id":"a","using":["urn:x"],"methodCalls":[]}', "unknownCapability", "a"),
        ('{"@type":"WebSocketPushEnable","dataTypes":"Email"}', "notRequest", None),
        ('{"@type":"WebSocketPushEnable","dataTypes":null,"pushState":5}', "notRequest", None),
        (json.dumps({"@type": "WebSocketPushEnable", "dataTypes": ["x"] * 1001}), "notRequest", None),
        ("[" * 100_000, "notJSON", None),
    ],
)
async def test_a_frame_that_is_no_request_is_a_request_error_and_the_socket_goes_on(
    site: Site, frame: str, kind: str, request_id: str | None
) -> None:
    client = Client(site, "a1")
    async with _socket(site, client) as socket:
        await socket.send(frame)
        error = await _heard(socket)
        assert (error["@type"], error["type"], error["requestId"]) == ("RequestError", ERROR + kind, request_id)
        assert error["status"] == 400
        await socket.send(_request(client, ("Core/echo", {"still": "here"})))
        assert (await _heard(socket))["methodResponses"][0][1] == {"still": "here"}


async def test_too_many_calls_are_a_limit(site: Site) -> None:
    client = Client(site, "a1")
    async with _socket(site, client) as socket:
        await socket.send(_request(client, *[("Core/echo", {})] * 65, id="R"))
        error = await _heard(socket)
        assert (error["type"], error["limit"], error["requestId"]) == (ERROR + "limit", "maxCallsInRequest", "R")


async def test_a_client_may_send_without_waiting_and_hears_every_answer(site: Site) -> None:
    client = Client(site, "a1")
    async with _socket(site, client) as socket:
        for number in range(100):
            get = ("Mailbox/get", {"accountId": client.account_id, "ids": None})
            await socket.send(_request(client, get, id=f"R{number}"))
        answers = [await _heard(socket) for _ in range(100)]
        assert {each["@type"] for each in answers} == {"Response"}
        assert {each["requestId"] for each in answers} == {f"R{number}" for number in range(100)}


async def test_states_are_pushed_between_enable_and_disable(site: Site) -> None:
    client = Client(site, "a1")
    async with _socket(site, client) as socket:
        await socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": ["Mailbox"]}))
        await socket.send(_request(client, ("Core/echo", {})))
        assert (await _heard(socket))["@type"] == "Response"
        await site.house.receive(LETTER % 1)
        change = await _heard(socket)
        assert change["@type"] == "StateChange"
        state = (await client.one("Mailbox/get", ids=[]))["state"]
        assert change["changed"] == {client.account_id: {"Mailbox": state}}
        await socket.send(json.dumps({"@type": "WebSocketPushDisable"}))
        await socket.send(_request(client, ("Core/echo", {})))
        assert (await _heard(socket))["@type"] == "Response"
        await client.one("Mailbox/set", create={"m": {"name": "Box"}})
        with pytest.raises(TimeoutError):
            await _heard(socket, 0.5)

        before = change["pushState"]
        await socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": ["Mailbox"], "pushState": before}))
        missed = await _heard(socket)
        assert missed["changed"][client.account_id]["Mailbox"] == (await client.one("Mailbox/get", ids=[]))["state"]
        now = missed["pushState"]
        await socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": ["Mailbox"], "pushState": now}))
        with pytest.raises(TimeoutError):
            await _heard(socket, 0.5)


async def test_a_change_over_the_socket_is_pushed_on_it_with_the_state_of_its_answer(site: Site) -> None:
    client = Client(site, "a1")
    async with _socket(site, client) as socket:
        await socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": None}))
        await socket.send(_request(client, ("Core/echo", {})))
        assert (await _heard(socket))["@type"] == "Response"
        made = ("Mailbox/set", {"accountId": client.account_id, "create": {"m": {"name": "Box"}}})
        await socket.send(_request(client, made, id="R"))
        both = {each["@type"]: each for each in (await _heard(socket), await _heard(socket))}
        new_state = both["Response"]["methodResponses"][0][1]["newState"]
        assert both["StateChange"]["changed"][client.account_id]["Mailbox"] == new_state


async def test_other_protocols_and_other_requests_are_refused(site: Site) -> None:
    client = Client(site, "a1")
    with pytest.raises(InvalidStatus) as refusal:
        async with _socket(site, client, subprotocols=None):
            pass
    assert refusal.value.response.status_code == 400
    assert (await site.call("GET", "/jmap/ws", client.token)).status == 400
    with pytest.raises(InvalidStatus) as refusal:
        async with _socket(site, client, additional_headers={}):
            pass
    assert refusal.value.response.status_code == 401


async def test_binary_frames_too_large_ones_and_nothing_but_garbage_end_the_socket(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(site, "a1")
    monkeypatch.setattr(websocket, "MOST_GARBAGE", 5)
    for frames, code in (([b"\0\1"], 1003), (["x" * (11 << 20)], 1009), (["{"] * 50, 1008)):
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012
            async with _socket(site, client, max_size=None) as socket:
                for frame in frames:
                    await socket.send(frame)
                while True:
                    await _heard(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


async def test_a_credential_that_is_good_no_more_ends_its_socket(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert websocket.ASK_AGAIN_SECONDS <= 30
    monkeypatch.setattr(websocket, "ASK_AGAIN_SECONDS", 0.2)
    client = Client(site, "a1")

    async def revoke() -> None:
        await site.house.store.database.write(
            lambda tx: tx.execute("DELETE FROM token WHERE inbox_id = ?", (site.inboxes["a1"].id,))
        )
        site.house.services.access.forget()

    async with _socket(site, client) as socket:
        await asyncio.sleep(0.5)
        assert socket.close_code is None
        await revoke()
        with pytest.raises(ConnectionClosed) as closed:
            await _heard(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_a_request_on_a_revoked_token_is_not_answered(site: Site) -> None:
    client = Client(site, "a1")
    async with _socket(site, client) as socket:
        await site.house.store.database.write(
            lambda tx: tx.execute("DELETE FROM token WHERE inbox_id = ?", (site.inboxes["a1"].id,))
        )
        site.house.services.access.forget()
        await socket.send(_request(client, ("Mailbox/get", {"accountId": client.account_id, "ids": None})))
        with pytest.raises(ConnectionClosed):
            await _heard(socket)


async def test_a_credential_has_so_many_sockets(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_OF_CREDENTIAL", 1)
    client = Client(site, "a1")
    async with _socket(site, client):
        with pytest.raises(InvalidStatus) as refusal:
            async with _socket(site, client):
                pass
        assert refusal.value.response.status_code == 429
    async with asyncio.timeout(30):  # it is seen a moment later that the peer has gone
        while True:
            try:
                async with _socket(site, client):
                    break
            except InvalidStatus:
                await asyncio.sleep(0.05)


async def test_a_socket_that_is_never_read_is_let_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "SEND_SECONDS", 0.3)
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.2)
    client = Client(site, "a1")
    host, _, port = site.base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(
        (
            "GET /jmap/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Sec-WebSocket-Protocol: jmap\r\nAuthorization: Bearer {client.token}\r\n\r\n"
        ).encode()
    )
    assert b"101" in await reader.readline()
    echo = json.dumps(
        {"@type": "Request", "using": [CORE], "methodCalls": [["Core/echo", {"x": "y" * 1_000_000}, "0"]]}
    )
    frame = b"\x81\xff" + len(echo).to_bytes(8, "big") + bytes(4) + echo.encode()
    with pytest.raises(ConnectionError):  # noqa: PT012
        async with asyncio.timeout(30):
            while True:
                writer.write(frame)
                await writer.drain()
    writer.close()
    async with _socket(site, client) as socket:
        await socket.send(_request(client, ("Core/echo", {})))
        assert (await _heard(socket))["@type"] == "Response"
