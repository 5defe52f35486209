"""The stream of events: new states within a second of any change, pings, and reconnects that miss nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.jmap.push import connections, eventsource
from mailserver.services.syncing import state_changes
from tests.support import pushed
from tests.support.jmap import Client
from tests.support.served import Site, served

LETTER = (
    b"From: joe@remote.test\r\nTo: agent@local.test\r\nSubject: Hello\r\nMessage-ID: <%d@remote.test>\r\n\r\nHello\r\n"
)
NEVER = 3_600.0  # seconds


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    assert state_changes.POLL_SECONDS <= 1  # within a second, whoever made the change
    monkeypatch.setattr(state_changes, "POLL_SECONDS", NEVER)  # what is told was rung for
    async with served(tmp_path) as opened, pushed.told(opened):
        yield opened


async def _inbox_states(client: Client) -> dict[str, str]:
    return {
        name: (await client.one(f"{name}/get", ids=[]))["state"] for name in ("Email", "Mailbox", "Thread")
    }  # fmt: skip


async def test_mail_that_arrives_is_told_at_once(site: Site) -> None:
    client = Client(site, "a1")
    async with pushed.stream(site, client) as events:
        assert events.response.headers["Content-Type"] == "text/event-stream"
        assert events.response.headers["Access-Control-Allow-Origin"] == "*"
        await site.house.receive(LETTER % 1)
        event = await events.next("state")
        assert event.body["@type"] == "StateChange"
        assert list(event.body["changed"]) == [client.account_id]
        told = event.body["changed"][client.account_id]
        assert {name: told[name] for name in ("Email", "Mailbox", "Thread")} == await _inbox_states(client)
        assert "EmailDelivery" in told
        assert await events.silence(1.5)


async def test_what_either_api_or_jmap_changes_is_told_with_the_state_that_they_name(site: Site) -> None:
    client = Client(site, "a1")
    await site.house.receive(LETTER % 1)
    await site.house.settled()
    message = (await site.call("GET", "/v1/messages/", client.token)).json["results"][0]
    async with pushed.stream(site, client, types="Email,EmailDelivery") as events:
        answer = await site.call("PATCH", f"/v1/messages/{message['id']}/", client.token, json={"mark_read": True})
        assert answer.status == 204, answer.content
        gent = (await events.next()).body["changed"][client.account_id]
        assert list(gent) == ["Email"]  # a mark is no delivery

        key = site.tokens["a key"]
        path = f"/agent/v0/inboxes/agent@local.test/messages/{message['id']}"
        answer = await site.call("PATCH", path, key, json={"add_labels": ["seen-by-agent"]})
        assert answer.status == 200, answer.content
        agentry = (await events.next()).body["changed"][client.account_id]
        assert int(agentry["Email"]) > int(gent["Email"])

        done = await client.one("Email/set", update={message["id"]: {"keywords/$flagged": True}})
        assert (await events.next()).body["changed"][client.account_id]["Email"] == done["newState"]


async def test_only_the_types_that_are_asked_for_are_told(site: Site) -> None:
    client = Client(site, "a1")
    async with (
        pushed.stream(site, client, types="Thread,Nothing,Quota") as threads,
        pushed.stream(site, client, types="EmailDelivery") as deliveries,
        pushed.stream(site, client, types="Nothing") as nothing,
    ):
        await site.house.receive(LETTER % 1)
        assert list((await threads.next()).body["changed"][client.account_id]) == ["Thread"]
        assert list((await deliveries.next()).body["changed"][client.account_id]) == ["EmailDelivery"]
        assert await nothing.silence(0.5)


async def test_nobody_hears_of_other_accounts(site: Site) -> None:
    async with (
        pushed.stream(site, Client(site, "b1")) as other,
        pushed.stream(site, Client(site, "a2")) as second,
        pushed.stream(site, Client(site, "a session")) as whole,
    ):
        await site.house.receive(LETTER % 1)
        assert list((await whole.next()).body["changed"]) == [Client(site, "a1").account_id]
        assert await other.silence(0.5)
        assert await second.silence(0.1)


async def test_a_stream_that_closes_after_a_state_ends_and_the_next_one_tells_what_was_missed(site: Site) -> None:
    client = Client(site, "a1")
    async with pushed.stream(site, client, closeafter="state") as events:
        await site.house.receive(LETTER % 1)
        await site.house.settled()
        event = await events.next()
        assert event.id
        assert await events.ends()
        last_id = events.last_id
    async with pushed.stream(site, client, last_id=last_id) as events:
        if not await events.silence(0.5):  # the stage may have told in two steps
            last_id = events.last_id
    await site.house.receive(LETTER % 2)
    await site.house.settled()
    async with pushed.stream(site, client, last_id=last_id) as events:
        told = (await events.next()).body["changed"][client.account_id]
        assert {name: told[name] for name in ("Email", "Mailbox", "Thread")} == await _inbox_states(client)
        current = events.last_id
    async with pushed.stream(site, client, last_id=current) as events:
        assert await events.silence(0.5)


async def test_a_stream_that_was_cut_off_before_its_first_event_misses_nothing(site: Site) -> None:
    client = Client(site, "a1")
    async with pushed.stream(site, client) as events:
        last_id = events.last_id
    assert last_id
    await site.house.receive(LETTER % 1)
    await site.house.settled()
    async with pushed.stream(site, client, last_id=last_id) as events:
        assert "Email" in (await events.next()).body["changed"][client.account_id]


async def test_many_changes_are_told_a_few_times_a_second(site: Site) -> None:
    client = Client(site, "a1")
    async with pushed.stream(site, client, types="Mailbox") as events:
        count, begun = 0, time.monotonic()
        made = asyncio.create_task(_make_mailboxes(client, 60))
        while not made.done() or not count:
            await events.next()
            count += 1
        took = time.monotonic() - begun
        await made
        assert count <= took / state_changes.PAUSE_SECONDS + 2


async def _make_mailboxes(client: Client, number: int) -> None:
    for each in range(number):
        await client.one("Mailbox/set", create={"m": {"name": f"Box {each}"}})


async def test_what_another_process_writes_is_told_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(site, "a1")
    changes = site.house.services.syncing.state_changes
    async with pushed.stream(site, client) as events:
        monkeypatch.setattr(changes, "_rung", _Deaf())
        monkeypatch.setattr(state_changes, "POLL_SECONDS", 0.2)
        await client.one("Mailbox/set", create={"m": {"name": "Box"}})
        await events.next()


class _Deaf(set):  # type: ignore[type-arg]
    def add(self, element: object) -> None:
        """Hear of nothing."""


async def test_pings_come_after_silence_with_the_interval_that_holds(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert eventsource.read({"ping": "1"}).ping_seconds == 30
    assert eventsource.read({"ping": "300"}).ping_seconds == 300
    assert eventsource.read({"ping": "100000"}).ping_seconds == 900
    assert eventsource.read({"ping": "0"}).ping_seconds == 0
    monkeypatch.setattr(eventsource, "SHORTEST_PING", 1)
    begun = time.monotonic()  # before the stream does
    async with pushed.stream(site, Client(site, "a1"), ping="1") as events:
        for number in (1, 2):
            event = await events.next("ping")
            assert time.monotonic() - begun > number - 0.1
            assert (event.body, event.id) == ({"interval": 1}, None)


@pytest.mark.parametrize(
    "query",
    ["types=*&closeafter=soon&ping=0", "types=*&closeafter=no&ping=often", "types=*&closeafter=no&ping=-1",
     "types=*&closeafter=no&ping=1e3", "ping=9999999999999999999999"],
)  # fmt: skip
async def test_values_that_are_none_are_refused(site: Site, query: str) -> None:
    answer = await site.call("GET", f"/jmap/eventsource?{query}", site.tokens["a1"])
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_nobody_without_a_login_or_without_the_scope_is_told_anything(site: Site) -> None:
    for token in (None, "agt_nothing", site.tokens["expired"], site.tokens["revoked"]):
        assert (await site.call("GET", "/jmap/eventsource?types=*&closeafter=no&ping=0", token)).status == 401
        assert (await site.call("GET", "/jmap/ws", token)).status == 401
    blind = await site.token("agent", site.inboxes["a1"], frozenset())
    assert (await site.call("GET", "/jmap/eventsource?types=*&closeafter=no&ping=0", blind)).status == 403


async def test_a_credential_has_so_many_connections_and_gets_them_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_OF_CREDENTIAL", 2)
    monkeypatch.setattr(eventsource, "TICK_SECONDS", 0.1)
    client = Client(site, "a1")
    path = "/jmap/eventsource?types=*&closeafter=no&ping=0"
    async with pushed.stream(site, client), pushed.stream(site, client):
        assert (await site.call("GET", path, client.token)).status == 429
        async with pushed.stream(site, Client(site, "a2")):
            pass
    async with asyncio.timeout(30):  # it takes a tick to see that a peer has gone
        while True:
            headers = {"Authorization": f"Bearer {client.token}"}
            async with site.client.get(site.base + path, headers=headers) as answer:
                if answer.status == 200:
                    break
            await asyncio.sleep(0.05)


async def test_a_token_that_is_revoked_ends_its_stream(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert eventsource.ASK_AGAIN_SECONDS + eventsource.TICK_SECONDS <= 30
    monkeypatch.setattr(eventsource, "ASK_AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(eventsource, "TICK_SECONDS", 0.1)
    client = Client(site, "a1")
    async with pushed.stream(site, client) as events:
        assert await events.silence(0.6)  # asked again, and still good
        await site.house.store.database.write(
            lambda tx: tx.execute("DELETE FROM token WHERE inbox_id = ?", (site.inboxes["a1"].id,))
        )
        site.house.services.access.forget()
        assert await events.ends()


async def test_who_does_not_read_is_let_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventsource, "SEND_SECONDS", 0.3)
    monkeypatch.setattr(state_changes, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(eventsource.states, "change", lambda states: {"filling": "x" * 4_000_000})
    client = Client(site, "a1")
    host, _, port = site.base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(
        f"GET /jmap/eventsource?types=* HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n\r\n".encode()
    )
    assert b"200" in await reader.readline()
    opened = site.house.services.syncing.state_changes._listeners
    assert opened
    number = 0
    async with asyncio.timeout(30):
        while opened:
            await client.one("Mailbox/set", create={"m": {"name": f"Box {number}"}})
            number += 1
            await asyncio.sleep(0.15)
    writer.close()
