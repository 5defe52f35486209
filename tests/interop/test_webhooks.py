"""Webhooks as receivers see them: verified by others' libraries, in order, once each, whatever happens between."""

import asyncio
import json
import time

import pytest
import standardwebhooks
import svix.webhooks
from aiohttp import web

from mailserver.entities import errors
from mailserver.entities.event import EventType
from mailserver.entities.webhook import Backoff, Origin, WebhookState
from mailserver.fetch import Fetch
from mailserver.services.notify import posting as waiting_for
from mailserver.services.notify.posting import Posting
from mailserver.services.notify.webhooks import WebhookChange
from mailserver.storage import webhooks
from tests.support.inside import inside
from tests.support.receiver import Clock, Receiver, hook, owner, posting, tell
from tests.support.server import running_server
from tests.support.waiting import until
from tests.support.zone import FakeResolver

HOUR = 3_600_000


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path, outbound_http={"allow_private": True}) as opened:
        await opened.store.database.write(lambda tx: tx.execute("DELETE FROM event_feed"))
        yield opened


@pytest.fixture
async def receiver():
    async with Receiver() as opened:
        yield opened


async def noted(house, receiver):
    """Wait until every answer that was given is written down."""

    async def attempts():
        ((number,),) = await house.rows("SELECT SUM(attempts) FROM webhook_delivery")
        return number == len(receiver.hooks)

    await until(attempts)


async def deliveries(house, endpoint, state=None):
    text = web_id(endpoint)
    found, _ = await house.services.notify.webhooks.deliveries(await owner(house), text, state, 0, 200)
    return found


def web_id(endpoint):
    from mailserver.entities import identifiers
    from mailserver.entities.identifiers import Kind

    return identifiers.encode(Kind.WEBHOOK, endpoint.id)


async def test_two_libraries_of_others_verify_what_comes(house, receiver):
    _, secret = await hook(house, receiver.url(), headers={"Authorization": "Bearer mine"})
    async with posting(house):
        await tell(house, [1])
        await receiver.until(lambda: receiver.hooks)
    (got,) = receiver.hooks
    svix.webhooks.Webhook(secret).verify(got.content, got.headers)  # says nothing where all is well
    with pytest.raises(svix.webhooks.WebhookVerificationError):
        svix.webhooks.Webhook(secret).verify(got.content + b" ", got.headers)
    told = standardwebhooks.Webhook(secret).verify(got.content, got.headers)
    assert told["type"] == "message.sent"
    assert told["data"] == {"number": 1}
    assert told["occurred_at"] == "2027-01-15T08:00:00.000Z"
    assert told["event_id"].startswith("evt_")
    assert told["inbox_id"].startswith("inb_")
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(got.content.replace(b"1", b"2"), got.headers)
    assert got.headers["authorization"] == "Bearer mine"
    assert got.headers["content-type"] == "application/json"


async def test_a_real_message_is_told_with_ids_that_the_api_knows(house, receiver):
    await hook(house, receiver.url(), "message.received")
    async with posting(house):
        number = await house.receive(b"From: a@remote.test\r\nSubject: x\r\n\r\nx\r\n")
        await house.settled()
        await receiver.until(lambda: receiver.hooks)
    assert receiver.hooks[0].json["data"]["message_id"] == number


async def test_for_a_day_both_secrets_verify(house, receiver):
    endpoint, old = await hook(house, receiver.url())
    _, new = await house.services.notify.webhooks.rotate(await owner(house), web_id(endpoint))
    async with posting(house):
        await tell(house, [1])
        await receiver.until(lambda: receiver.hooks)
        for secret in (old, new):
            standardwebhooks.Webhook(secret).verify(receiver.hooks[0].content, receiver.hooks[0].headers)
        await house.store.database.write(
            lambda tx: tx.execute("UPDATE webhook_endpoint SET previous_until = ?", (int(time.time() * 1000) - 1,))
        )
        await tell(house, [2])
        await receiver.until(lambda: len(receiver.hooks) == 2)
    last = receiver.hooks[1]
    standardwebhooks.Webhook(new).verify(last.content, last.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(old).verify(last.content, last.headers)


async def test_order_holds_over_failures_and_the_id_stays(house, receiver):
    endpoint, _ = await hook(house, receiver.url())
    refused = {3: 2, 7: 1}  # number: how often it is refused first
    refusals = []

    def answer(got):
        number = got.json["data"]["number"]
        if refused.get(number):
            refused[number] -= 1
            refusals.append(number)
            return 503
        return 200

    receiver.answers = answer
    clock = Clock()
    async with posting(house, clock=clock):
        await tell(house, range(10))
        for count in (1, 2, 3):
            await receiver.until(lambda count=count: len(refusals) == count)  # behind which the line waits
            await noted(house, receiver)
            clock.ahead_ms += 60_000
            house.doorbell.ring("webhooks")
        await receiver.until(lambda: len(receiver.numbers()) == 10)
    assert [each.json["data"]["number"] for each in receiver.hooks] == [0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 7, 8, 9]
    assert len({each.id for each in receiver.hooks if each.json["data"]["number"] == 3}) == 1
    logged = {each.body: each for each in await deliveries(house, endpoint)}
    assert sorted(each.attempts for each in logged.values()) == [1] * 8 + [2, 3]
    assert {each.state for each in logged.values()} == {WebhookState.DELIVERED}


async def test_every_event_comes_in_order_over_a_death_in_the_middle(house, receiver):
    number = 2_000
    for path in ("a", "b"):
        await hook(house, receiver.url(path))
    for start in range(0, number, 200):
        await tell(house, range(start, start + 200))
    async with posting(house, killed=True):
        await receiver.until(lambda: len(receiver.got("a")) > 300)
    assert len(receiver.got("a")) < number
    async with posting(house):
        await receiver.until(lambda: len({each.id for each in receiver.hooks}) == 2 * number, 200)
    for path in "ab":
        assert receiver.numbers(path) == list(range(number))
        again = len(receiver.got(path)) - number
        assert again < 1_500  # what had been delivered and was not written down yet


async def test_a_receiver_that_never_answers_holds_nobody_else_up(house, receiver, monkeypatch):
    monkeypatch.setattr(waiting_for, "POST_SECONDS", 3_600.0)  # for which nobody else waits

    async def silent(reader, writer):
        await reader.read()
        writer.close()

    dead = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = dead.sockets[0].getsockname()[1]
    for n in range(20):
        await hook(house, f"http://127.0.0.1:{port}/{n}")
    await hook(house, receiver.url())
    async with dead, posting(house, killed=True):
        for start in range(0, 200, 20):
            await tell(house, range(start, start + 20))
        await receiver.until(lambda: len(receiver.numbers()) == 200)
    assert receiver.numbers() == list(range(200))


async def test_a_connection_is_kept(house, receiver):
    await hook(house, receiver.url())
    async with posting(house):
        await tell(house, range(50))
        await receiver.until(lambda: len(receiver.hooks) == 50)
    assert len(receiver.connections) == 1


async def test_410_switches_off_at_once_and_its_people_hear_of_it(house, receiver):
    endpoint, _ = await hook(house, receiver.url())
    receiver.answers = lambda got: 410
    async with posting(house):
        await tell(house, [1, 2])
        await receiver.until(lambda: receiver.hooks)
        await noted(house, receiver)
        await asyncio.sleep(0.3)
    assert len(receiver.hooks) == 1
    known = await house.services.notify.webhooks.get(await owner(house), web_id(endpoint))
    assert not known.is_enabled
    assert known.disabled_reason == "It answered 410: it wants nothing any more."
    assert [row[0] for row in await house.rows("SELECT summary FROM task")] == ["A webhook was switched off"]
    assert await house.rows("SELECT 1 FROM audit WHERE action = 'webhook.disabled'")
    assert await house.rows("SELECT 1 FROM event WHERE type = 'webhook.disabled'")
    assert [each.state for each in await deliveries(house, endpoint)] == [WebhookState.WAITING, WebhookState.FAILED]
    receiver.answers = lambda got: 200
    await house.services.notify.webhooks.change(await owner(house), web_id(endpoint), WebhookChange(is_enabled=True))
    async with posting(house):
        await receiver.until(lambda: receiver.numbers() == [1, 2])


async def test_a_day_of_failures_switches_off_and_one_success_begins_anew(house, receiver):
    endpoint, _ = await hook(house, receiver.url())
    receiver.answers = lambda got: 500
    clock = Clock()
    async with posting(house, clock=clock):
        await tell(house, [1])
        for hours in (0, 1, 3, 6, 12, 23):
            clock.ahead_ms = hours * HOUR
            before = len(receiver.hooks)
            house.doorbell.ring("webhooks")
            await receiver.until(lambda before=before: len(receiver.hooks) > before)
            await noted(house, receiver)
        receiver.answers = lambda got: 200
        clock.ahead_ms += 24 * HOUR
        house.doorbell.ring("webhooks")
        before = len(receiver.hooks)
        await receiver.until(lambda: len(receiver.hooks) > before)
        await noted(house, receiver)
        known = await house.services.notify.webhooks.get(await owner(house), web_id(endpoint))
        assert known.is_enabled
        assert known.failing_since is None
        receiver.answers = lambda got: 500
        await tell(house, [2])
        for _ in range(2):
            before = len(receiver.hooks)
            house.doorbell.ring("webhooks")
            await receiver.until(lambda before=before: len(receiver.hooks) > before)
            await noted(house, receiver)
            clock.ahead_ms += 25 * HOUR
    known = await house.services.notify.webhooks.get(await owner(house), web_id(endpoint))
    assert not known.is_enabled
    assert known.disabled_reason == "Nothing could be delivered for 24 hours."


async def test_retry_after_is_kept_to(house, receiver):
    await hook(house, receiver.url())
    receiver.answers = lambda got: web.Response(status=429, headers={"Retry-After": "3600"})
    clock = Clock()
    async with posting(house, clock=clock):
        await tell(house, [1])
        await receiver.until(lambda: receiver.hooks)
        await noted(house, receiver)
        clock.ahead_ms = 3_500_000
        house.doorbell.ring("webhooks")
        await asyncio.sleep(0.3)
        assert len(receiver.hooks) == 1
        clock.ahead_ms = 3_700_000
        house.doorbell.ring("webhooks")
        await receiver.until(lambda: len(receiver.hooks) == 2)


async def test_what_was_delivered_can_be_delivered_again_under_its_id(house, receiver):
    endpoint, _ = await hook(house, receiver.url())
    async with posting(house):
        await tell(house, [1])
        await receiver.until(lambda: receiver.hooks)
        await noted(house, receiver)
        await house.services.notify.webhooks.redeliver(await owner(house), web_id(endpoint), receiver.hooks[0].id)
        await receiver.until(lambda: len(receiver.hooks) == 2)
    assert receiver.hooks[0].id == receiver.hooks[1].id
    assert receiver.hooks[0].content == receiver.hooks[1].content


async def test_a_test_is_posted_at_once_and_says_what_happened(house, receiver):
    endpoint, secret = await hook(house, receiver.url())
    receiver.answers = lambda got: 418
    made = await house.services.notify.webhooks.test(await owner(house), web_id(endpoint))
    assert (made.state, made.status) == (WebhookState.FAILED, 418)
    assert made.error == "It answered 418 I'm a Teapot."
    standardwebhooks.Webhook(secret).verify(receiver.hooks[0].content, receiver.hooks[0].headers)
    assert [each.id for each in await deliveries(house, endpoint)] == [made.id]


async def test_above_ten_thousand_the_oldest_is_dropped_and_said_so(house, receiver):
    endpoint, _ = await hook(house, receiver.url())

    def write(tx):
        for number in range(webhooks.MOST_WAITING + 3):
            webhooks.enqueue(tx, endpoint.id, 1, "x", f'{{"data":{{"number":{number}}}}}')

    await house.store.database.write(write)
    dropped = await deliveries(house, endpoint, WebhookState.DROPPED)
    assert [json.loads(each.body)["data"]["number"] for each in dropped] == [2, 1, 0]
    assert dropped[0].error == "More than 10,000 deliveries waited."
    async with posting(house):
        await receiver.until(lambda: len(receiver.hooks) > 5)
    assert receiver.numbers()[:5] == [3, 4, 5, 6, 7]


async def test_a_delivery_with_a_time_waits_for_it_and_is_in_nobody_s_way(house, receiver):
    endpoint, _ = await hook(house, receiver.url())
    now = int(time.time() * 1000)

    def write(tx):
        later = webhooks.enqueue(tx, endpoint.id, 1, "x", '{"data":{"number":1}}', now + 2 * HOUR)
        gone = webhooks.enqueue(tx, endpoint.id, 1, "x", '{"data":{"number":2}}', now + 2 * HOUR)
        webhooks.enqueue(tx, endpoint.id, 1, "x", '{"data":{"number":3}}')
        assert webhooks.withdraw(tx, gone)
        return later

    await house.store.database.write(write)
    clock = Clock()
    async with posting(house, clock=clock):
        await receiver.until(lambda: receiver.numbers() == [3])
        await asyncio.sleep(0.2)
        clock.ahead_ms = 3 * HOUR
        house.doorbell.ring("webhooks")
        await receiver.until(lambda: receiver.numbers() == [3, 1])


async def test_a_rule_s_own_retries_are_counted(house, receiver):
    made = await house.store.database.write(
        lambda tx: house.services.notify.endpoints.own(
            tx, house.account.tenant.id, house.account.inbox.id, Origin.ALERT, 77, receiver.url()
        )
    )
    receiver.answers = lambda got: 500
    await house.store.database.write(
        lambda tx: webhooks.enqueue(tx, made.id, 1, "x", "{}", retries=2, backoff=Backoff.IMMEDIATE)
    )
    async with posting(house):
        await receiver.until(lambda: len(receiver.hooks) == 3)
        await noted(house, receiver)
        await asyncio.sleep(0.2)
    rows = await house.rows("SELECT state, attempts FROM webhook_delivery")
    assert [tuple(row) for row in rows] == [("failed", 3)]
    assert (await house.services.notify.webhooks.page(await owner(house), None, 0, 50))[1] == 0  # it is hidden


async def test_owners_alone_hear_of_what_is_theirs(house, receiver):
    await hook(house, receiver.url("inbox"))
    await hook(house, receiver.url("tenant"), tenant_wide=True)
    async with posting(house):
        await tell(house, [1], EventType.APPROVAL_REQUESTED)
        await tell(house, [2])
        await receiver.until(lambda: len(receiver.hooks) == 3)
    assert receiver.numbers("inbox") == [2]
    assert receiver.numbers("tenant") == [1, 2]


REFUSED = {
    "https://169.254.169.254/latest": "no public address",
    "https://[::1]/": "no public address",
    "https://127.1/": "no host name",
    "https://2130706433/": "no host name",
    "http://web.test/": "not one of HTTPS",
    "https://user:pass@web.test/": "user name",
    "https://web.test:8080/": "port 8080",
    "ftp://web.test/": "not one of HTTPS",
    "https://": "not one of HTTPS",
    "nonsense": "not one of HTTPS",
}


@pytest.mark.parametrize("url", REFUSED)
async def test_a_private_address_is_not_even_written_down(tmp_path, url):
    names = FakeResolver({}, {"inside.test": ["127.0.0.1"]})
    async with Fetch(names) as fetch, inside(tmp_path) as house:
        guarded = Posting(fetch, house.services.notify.posting._seal, allow_private=False)
        with pytest.raises(errors.Invalid, match=REFUSED[url]):
            guarded.check(url)


@pytest.mark.parametrize("name", ["localhost", "inside.test"])
async def test_a_name_that_leads_inside_is_refused_when_it_is_connected_to(tmp_path, receiver, name):
    names = FakeResolver({}, {"inside.test": ["127.0.0.1"]})
    async with Fetch(names) as fetch, inside(tmp_path) as house:
        endpoint, _ = await hook(house, f"https://{name}/")
        guarded = Posting(fetch, house.services.notify.posting._seal, allow_private=False)
        tried = await guarded.post(endpoint, 1, "{}")
    assert not tried.is_delivered
    assert tried.status is None
    assert "no public address" in tried.error
    assert receiver.hooks == []


async def test_a_redirect_is_a_failure_and_leads_nowhere(house, receiver):
    endpoint, _ = await hook(house, receiver.url("first"))
    receiver.answers = lambda got: web.Response(status=307, headers={"Location": receiver.url("second")})
    made = await house.services.notify.webhooks.test(await owner(house), web_id(endpoint))
    assert made.error == "It answered 307: a redirect, which is not followed."
    assert receiver.got("second") == []


async def test_the_database_does_not_tell_the_secret(house, receiver):
    _, secret = await hook(house, receiver.url(), headers={"X-Key": "very secret"})
    for (name,) in await house.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search%'"):
        for row in await house.rows(f"SELECT * FROM {name}"):
            assert secret.removeprefix("whsec_") not in str(tuple(row))
            assert "very secret" not in str(tuple(row))
    key = house.store.directory / "keys" / "webhooks.key"
    assert key.stat().st_mode & 0o777 == 0o600


async def test_a_server_that_is_killed_forgets_no_event_and_keeps_their_order(tmp_path, receiver):
    is_dead = asyncio.Event()

    async def answered(got):
        if len(receiver.hooks) > 20:
            await is_dead.wait()
        return 200

    receiver.answers = answered
    async with running_server(tmp_path, outbound_http__allow_private=True) as server:
        made = []
        async with server.session() as client:
            body = {"url": receiver.url(), "events": ["event.created"]}
            async with client.post("/v1/webhooks/", json=body) as answer:
                assert answer.status == 201
                secret = (await answer.json())["secret"]
            for number in range(150):
                event = {"title": str(number), "start": "2026-06-03T10:00:00Z", "duration": "PT1H"}
                async with client.post("/v1/calendar/events/", json=event) as answer:
                    assert answer.status == 201
                    made.append(str(number))
        await receiver.until(lambda: len(receiver.hooks) > 20)
        await server.kill()
        reached = len(receiver.hooks)
        is_dead.set()
        await server.start()
        async with server.session() as client:
            event = {"title": "last", "start": "2026-06-03T10:00:00Z", "duration": "PT1H"}
            async with client.post("/v1/calendar/events/", json=event) as answer:
                assert answer.status == 201
                made.append("last")
        await receiver.until(lambda: receiver.hooks[-1].json["data"]["title"] == "last")
    titles = list({each.id: each.json["data"]["title"] for each in receiver.hooks}.values())
    assert titles == made
    assert reached < len(made) - 1  # it was in the middle
    for each in receiver.hooks:
        standardwebhooks.Webhook(secret).verify(each.content, each.headers)
