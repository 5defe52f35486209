"""PushSubscription (RFC 8620 7.2): verified before anything is told, encrypted, retried, and gone with its login."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from mailserver.entities.access import ALL_SCOPES, Token
from mailserver.jmap import arguments
from mailserver.jmap.push import pusher as engine
from mailserver.services.accounts import secrets
from mailserver.services.notify import backoff
from mailserver.services.syncing import push_posting, push_subscriptions, state_changes
from mailserver.storage import credentials, sessions
from tests.support import pushed
from tests.support.jmap import CORE, Client
from tests.support.pushed import Browser
from tests.support.receiver import Receiver
from tests.support.served import Site, served
from tests.support.waiting import until

LETTER = (
    b"From: joe@remote.test\r\nTo: agent@local.test\r\nSubject: Hello\r\nMessage-ID: <%d@remote.test>\r\n\r\nHello\r\n"
)


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(state_changes, "POLL_SECONDS", 3_600.0)  # what is told was rung for
    async with served(tmp_path, outbound_http={"allow_private": True}) as opened, pushed.told(opened):
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as opened:
        yield opened


async def _call(client: Client, name: str, **given: Any) -> dict[str, Any]:
    answer = await client.post({"using": [CORE], "methodCalls": [[name, given, "0"]]})
    assert answer.status == 200, answer.content
    kind, body, _ = answer.json["methodResponses"][0]
    assert kind in (name, "error")
    return {"error": body} if kind == "error" else body


async def _create(client: Client, **given: Any) -> dict[str, Any]:
    return await _call(client, "PushSubscription/set", create={"p": {"deviceClientId": "a device", **given}})


async def _made(client: Client, url: str, **more: Any) -> str:
    answer = await _create(client, url=url, **more)
    assert answer["created"], answer
    return str(answer["created"]["p"]["id"])


async def _verified(client: Client, receiver: Receiver, path: str = "", **more: Any) -> str:
    """A subscription whose code has come back."""
    before = len(receiver.got(path))
    number = await _made(client, receiver.url(path), **more)
    await receiver.until(lambda: len(receiver.got(path)) > before)
    code = receiver.got(path)[-1].json["verificationCode"]
    answer = await _call(client, "PushSubscription/set", update={number: {"verificationCode": code}})
    assert answer["updated"] == {number: None}, answer
    return number


async def _are_left(site: Site, number: int) -> bool:
    return len(await site.house.rows("SELECT id FROM push_subscription")) == number


async def _have_failed(site: Site, number: int) -> bool:
    return len(await site.house.rows("SELECT id FROM push_subscription WHERE attempts = 1")) == number


def _ms(seconds: float) -> int:
    """The time in so many seconds."""
    return int((time.time() + seconds) * 1000)


async def test_nothing_is_told_before_the_right_code_came_back_and_all_behind_it(
    site: Site, receiver: Receiver
) -> None:
    client = Client(site, "a1")
    async with pushed.pushing(site):
        answer = await _create(client, url=receiver.url())
        number = answer["created"]["p"]["id"]
        assert set(answer["created"]["p"]) == {"id", "expires", "keys", "types", "verificationCode"}
        assert "accountId" not in answer
        await receiver.until(lambda: receiver.hooks)
        verification = receiver.hooks[0]
        assert verification.headers["content-type"] == "application/json"
        assert 0 < int(verification.headers["ttl"]) <= 86_400
        assert verification.json.keys() == {"@type", "pushSubscriptionId", "verificationCode"}
        assert (verification.json["@type"], verification.json["pushSubscriptionId"]) == ("PushVerification", number)
        await site.house.receive(LETTER % 1)
        await site.house.settled()
        wrong = await _call(client, "PushSubscription/set", update={number: {"verificationCode": "wrong"}})
        assert wrong["notUpdated"][number]["type"] == "invalidProperties"
        assert wrong["notUpdated"][number]["properties"] == ["verificationCode"]
        await asyncio.sleep(0.5)
        assert len(receiver.hooks) == 1
        code = verification.json["verificationCode"]
        right = await _call(client, "PushSubscription/set", update={number: {"verificationCode": code}})
        assert right["updated"] == {number: None}
        await asyncio.sleep(0.5)
        assert len(receiver.hooks) == 1  # what happened before is no news
        await site.house.receive(LETTER % 2)
        await receiver.until(lambda: len(receiver.hooks) == 2)
        change = receiver.hooks[1].json
        assert change["@type"] == "StateChange"
        state = (await client.one("Email/get", ids=[]))["state"]
        assert change["changed"][client.account_id]["Email"] == state
        assert "EmailDelivery" in change["changed"][client.account_id]


async def test_messages_to_a_client_with_keys_can_be_read_by_it_alone(site: Site, receiver: Receiver) -> None:
    client, browser = Client(site, "a1"), Browser()
    async with pushed.pushing(site):
        number = await _made(client, receiver.url(), keys=browser.keys, types=["Mailbox"])
        await receiver.until(lambda: receiver.hooks)
        first = receiver.hooks[0]
        assert first.headers["content-encoding"] == "aes128gcm"
        assert b"PushVerification" not in first.content
        code = browser.read(first.content)["verificationCode"]
        await _call(client, "PushSubscription/set", update={number: {"verificationCode": code}})
        made = await client.one("Mailbox/set", create={"m": {"name": "Box"}})
        await receiver.until(lambda: len(receiver.hooks) == 2)
        told = browser.read(receiver.hooks[1].content)
        assert told["changed"] == {client.account_id: {"Mailbox": made["newState"]}}


async def test_a_login_sees_its_own_subscriptions_and_never_where_they_lead(site: Site, receiver: Receiver) -> None:
    client = Client(site, "a1")
    number = await _made(client, receiver.url("secret"), types=["Email"], keys=Browser().keys)
    got = await _call(client, "PushSubscription/get", ids=None)
    assert got.keys() == {"list", "notFound"}
    (one,) = got["list"]
    assert one == {
        "id": number, "deviceClientId": "a device", "verificationCode": None, "expires": one["expires"],
        "types": ["Email"],
    }  # fmt: skip
    assert [await _call(client, "PushSubscription/get", ids=None, properties=[name]) for name in ("url", "keys")] == [
        {"error": {"type": "forbidden", "description": "url and keys are never told."}}
    ] * 2
    some = await _call(client, "PushSubscription/get", ids=[number, "nobody"], properties=["deviceClientId"])
    assert some == {"list": [{"id": number, "deviceClientId": "a device"}], "notFound": ["nobody"]}
    _, text = await site.house.services.access.create_token(
        site.inboxes["a1"].tenant_id, "agent", "another", inbox_id=site.inboxes["a1"].id
    )
    another = Client(site, "a1")
    another.token = text
    for stranger in (another, Client(site, "a session"), Client(site, "b1"), Client(site, "b session")):
        assert (await _call(stranger, "PushSubscription/get", ids=None))["list"] == []
        assert (await _call(stranger, "PushSubscription/get", ids=[number]))["notFound"] == [number]
        tried = await _call(stranger, "PushSubscription/set", update={number: {"types": None}}, destroy=[number])
        assert tried["notUpdated"][number]["type"] == tried["notDestroyed"][number]["type"] == "notFound"
    rows = await site.house.rows("SELECT sealed FROM push_subscription")
    assert rows
    assert b"secret" not in rows[0][0]
    done = await _call(client, "PushSubscription/set", destroy=[number])
    assert done["destroyed"] == [number]
    assert await site.house.rows("SELECT id FROM push_subscription") == []


async def test_a_subscription_lasts_two_days_or_as_long_as_asked_but_never_longer_than_a_week(site: Site) -> None:
    client, now = Client(site, "a1"), time.time() * 1000
    url = "http://127.0.0.1:9/"
    usual = (await _create(client, url=url))["created"]["p"]
    assert arguments.utc_ms(usual["expires"]) == pytest.approx(now + 48 * 3_600_000, abs=60_000)
    soon = arguments.utc_date(int(now) + 3_600_000)
    assert "expires" not in (await _create(client, url=url, expires=soon))["created"]["p"]
    far = (await _create(client, url=url, expires="2999-01-01T00:00:00Z"))["created"]["p"]
    assert arguments.utc_ms(far["expires"]) == pytest.approx(now + 7 * 86_400_000, abs=60_000)
    number = usual["id"]
    longer = await _call(client, "PushSubscription/set", update={number: {"expires": "2999-01-01T00:00:00Z"}})
    assert arguments.utc_ms(longer["updated"][number]["expires"]) == pytest.approx(now + 7 * 86_400_000, abs=60_000)
    shorter = await _call(client, "PushSubscription/set", update={number: {"expires": soon}})
    assert shorter["updated"] == {number: None}
    past = await _call(client, "PushSubscription/set", update={number: {"expires": "2001-01-01T00:00:00Z"}})
    assert past["notUpdated"][number]["properties"] == ["expires"]


GOOD = {"deviceClientId": "a device", "url": "http://127.0.0.1:9/"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"url": None}, "url"), ({"url": 5}, "url"), ({"url": "nonsense"}, "url"), ({"url": "ftp://x/"}, "url"),
        ({"url": "https://u:p@x.test/"}, "url"), ({"url": "https://x.test/" + "y" * 3000}, "url"),
        ({"deviceClientId": None}, "deviceClientId"), ({"deviceClientId": ""}, "deviceClientId"),
        ({"deviceClientId": "x" * 300}, "deviceClientId"),
        ({"keys": "x"}, "keys"), ({"keys": {}}, "keys"), ({"keys": {"p256dh": "x", "auth": "y"}}, "keys"),
        ({"keys": {"p256dh": "A" * 87, "auth": "BTBZMqHH6r4Tts7J_aSIgg"}}, "keys"),
        ({"keys": {"p256dh": "A" * 100_000, "auth": "BTBZMqHH6r4Tts7J_aSIgg"}}, "keys"),
        ({"types": "Email"}, "types"), ({"types": [5]}, "types"), ({"types": []}, "types"),
        ({"types": [f"T{number}" for number in range(5_000)]}, "types"), ({"types": ["x" * 101]}, "types"),
        ({"expires": "tomorrow"}, "expires"), ({"expires": "2001-01-01T00:00:00Z"}, "expires"),
        ({"verificationCode": "mine"}, "verificationCode"), ({"id": "psh_1"}, "id"), ({"nonsense": 1}, "nonsense"),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_refused_by_its_name(site: Site, change: dict[str, Any], named: str) -> None:
    answer = await _create(Client(site, "a1"), **{**GOOD, **change})
    assert answer["created"] is None
    assert (answer["notCreated"]["p"]["type"], answer["notCreated"]["p"]["properties"]) == (
        "invalidProperties", [named],
    )  # fmt: skip


async def test_what_is_fixed_cannot_be_changed(site: Site) -> None:
    client = Client(site, "a1")
    number = await _made(client, GOOD["url"])
    for patch in ({"url": "https://x.test/"}, {"keys": None}, {"keys/auth": "x"}, {"deviceClientId": "x"}):
        answer = await _call(client, "PushSubscription/set", update={number: patch})
        assert answer["notUpdated"][number]["properties"] == list(patch)


async def test_plain_http_is_for_operators_who_allow_it(tmp_path: Path) -> None:
    async with served(tmp_path) as guarded:
        refused = await _create(Client(guarded, "a1"), url="http://push.test/")
        assert refused["notCreated"]["p"]["properties"] == ["url"]


async def test_a_login_has_so_many_and_makes_so_many_an_hour(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(site, "a1")
    numbers = [await _made(client, GOOD["url"]) for _ in range(push_subscriptions.MOST_OF_OWNER)]
    assert (await _create(client, **GOOD))["notCreated"]["p"]["type"] == "overQuota"
    assert len((await _call(client, "PushSubscription/set", destroy=numbers))["destroyed"]) == len(numbers)
    monkeypatch.setattr(push_subscriptions, "MOST_NEW_AN_HOUR", len(numbers) + 2)
    await _made(client, GOOD["url"])
    assert (await _create(client, **GOOD))["notCreated"]["p"]["type"] == "rateLimit"
    await _made(Client(site, "a2"), GOOD["url"])


async def test_a_client_that_is_gone_is_forgotten_and_one_in_trouble_is_told_later_what_holds_then(
    site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "SCHEDULE", (0.3, 0.3, 0.3, 0.3))
    client = Client(site, "a1")
    async with pushed.pushing(site):
        troubled = await _verified(client, receiver, "troubled", types=["Mailbox"])
        gone = await _verified(client, receiver, "gone", types=["Mailbox"])
        is_changed = asyncio.Event()

        async def later() -> int:
            await is_changed.wait()
            return 503

        answers: dict[str, list[Any]] = {"/troubled": [503, later(), 201], "/gone": [410]}
        receiver.answers = lambda hook: answers[hook.path].pop(0)
        await client.one("Mailbox/set", create={"m": {"name": "One"}})
        await receiver.until(lambda: len(receiver.got("troubled")) == 2)
        last = await client.one("Mailbox/set", create={"m": {"name": "Two"}})
        is_changed.set()
        await receiver.until(lambda: len(receiver.got("troubled")) == 4)
        told = receiver.got("troubled")[-1].json["changed"][client.account_id]
        assert told == {"Mailbox": last["newState"]}
        await asyncio.sleep(0.8)
        assert (len(receiver.got("troubled")), len(receiver.got("gone"))) == (4, 2)
        assert [each["id"] for each in (await _call(client, "PushSubscription/get", ids=None))["list"]] == [troubled]
        assert gone != troubled


async def test_a_receiver_that_asks_for_time_gets_it(site: Site, receiver: Receiver) -> None:
    client = Client(site, "a1")
    async with pushed.pushing(site):
        await _verified(client, receiver)
        receiver.answers = lambda hook: web.Response(status=429, headers={"Retry-After": "300"})
        await client.one("Mailbox/set", create={"m": {"name": "One"}})
        await receiver.until(lambda: len(receiver.hooks) == 2)
        await until(lambda: site.house.rows(f"SELECT 1 FROM push_subscription WHERE due_at > {_ms(250)}"))
        await client.one("Mailbox/set", create={"m": {"name": "Two"}})
        await asyncio.sleep(1.5)
        assert len(receiver.hooks) == 2


async def test_a_verification_is_tried_a_few_times(
    site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "SCHEDULE", (0.1,) * 10)
    receiver.answers = lambda hook: 500
    async with pushed.pushing(site):
        await _made(Client(site, "a1"), receiver.url())
        await receiver.until(lambda: len(receiver.hooks) == engine.MOST_VERIFICATIONS)
        await asyncio.sleep(0.6)
        assert len(receiver.hooks) == engine.MOST_VERIFICATIONS
        assert len({hook.content for hook in receiver.hooks}) == 1


async def test_a_receiver_that_hangs_keeps_nobody_else_waiting(
    site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_posting, "POST_SECONDS", 4.0)

    async def hang() -> int:
        await asyncio.sleep(60)
        return 200

    client, other = Client(site, "a1"), Client(site, "a session")
    async with pushed.pushing(site):
        await _verified(other, receiver, "quick")
        for number in range(5):
            await _verified(client, receiver, f"slow{number}")
        receiver.answers = lambda hook: 200 if hook.path == "/quick" else hang()
        begun = time.monotonic()
        await client.one("Mailbox/set", create={"m": {"name": "One"}})
        await receiver.until(lambda: len(receiver.got("quick")) == 2)
        assert time.monotonic() - begun < push_posting.POST_SECONDS
        await until(lambda: _have_failed(site, 5))


async def test_many_changes_are_one_post_a_second(site: Site, receiver: Receiver) -> None:
    client = Client(site, "a1")
    async with pushed.pushing(site):
        await _verified(client, receiver, types=["Mailbox"])
        begun = time.monotonic()
        for number in range(30):
            last = await client.one("Mailbox/set", create={"m": {"name": f"Box {number}"}})
            await asyncio.sleep(0.05)
        await receiver.until(
            lambda: receiver.hooks[-1].json["changed"][client.account_id]["Mailbox"] == last["newState"]
            if "changed" in receiver.hooks[-1].json else False
        )  # fmt: skip
        assert len(receiver.hooks) - 1 <= (time.monotonic() - begun) / engine.PAUSE_SECONDS + 2


async def test_after_a_restart_a_client_is_told_what_it_missed_and_nothing_that_it_knows(
    site: Site, receiver: Receiver
) -> None:
    client = Client(site, "a1")
    async with pushed.pushing(site):
        await _verified(client, receiver, types=["Mailbox"])
        await client.one("Mailbox/set", create={"m": {"name": "One"}})
        await receiver.until(lambda: len(receiver.hooks) == 2)
        await asyncio.sleep(0.2)
    async with pushed.pushing(site):
        await asyncio.sleep(0.5)
        assert len(receiver.hooks) == 2
    last = await client.one("Mailbox/set", create={"m": {"name": "Two"}})
    async with pushed.pushing(site):
        await receiver.until(lambda: len(receiver.hooks) == 3)
        assert receiver.hooks[-1].json["changed"][client.account_id] == {"Mailbox": last["newState"]}


async def test_a_subscription_ends_with_its_login_and_with_its_time(
    site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "REFRESH_SECONDS", 0.2)
    client, other = Client(site, "a1"), Client(site, "a session")
    async with pushed.pushing(site):
        await _verified(client, receiver, "token")
        await _verified(other, receiver, "session")
        await site.house.store.database.write(
            lambda tx: tx.execute("DELETE FROM token WHERE inbox_id = ?", (site.inboxes["a1"].id,))
        )
        await site.house.receive(LETTER % 1)
        await receiver.until(lambda: len(receiver.got("session")) == 2)
        await until(lambda: _are_left(site, 1))
        assert len(receiver.got("token")) == 1
        await site.house.store.database.write(
            lambda tx: tx.execute("UPDATE push_subscription SET expires_at = ?", (int(time.time() * 1000),))
        )
        await site.house.receive(LETTER % 2)
        await until(lambda: _are_left(site, 0))
        assert len(receiver.got("session")) == 2


async def test_a_password_subscribes_too_and_another_password_ends_it(site: Site, receiver: Receiver) -> None:
    import aiohttp

    from tests.support.inside import PASSWORD

    inbox = site.inboxes["a1"]
    login = {"Authorization": aiohttp.encode_basic_auth("agent@local.test", PASSWORD)}
    body = {
        "using": [CORE],
        "methodCalls": [["PushSubscription/set", {"create": {"p": {**GOOD, "url": receiver.url()}}}, "0"]],
    }
    made = (await site.call("POST", "/jmap/api", json=body, headers=login)).json["methodResponses"][0][1]
    assert made["created"]
    await site.house.services.access.set_password(inbox.id, "another good password")
    async with pushed.pushing(site):
        await until(lambda: _are_left(site, 0))
    assert receiver.hooks == []


def test_new_states_of_many_accounts_are_cut_into_messages_that_push_services_take() -> None:
    new = {number: dict.fromkeys(range(1, 4), 10**12) for number in range(1, 400)}
    pieces = list(engine.parts(new))
    assert {inbox_id: told for piece in pieces for inbox_id, told in piece.items()} == new
    assert len(pieces) > 1
    assert max(engine._length(piece) for piece in pieces) <= 3993


async def test_a_session_keeps_its_subscriptions_when_its_token_changes_and_loses_them_when_it_ends(
    site: Site, receiver: Receiver
) -> None:
    tenant_id = site.inboxes["a1"].tenant_id
    tokens = [secrets.new_token(secrets.AGENT_PREFIX) for _ in range(2)]
    far = int(time.time() * 1000) + 3_600_000

    def log_in(tx: Any) -> None:
        sessions.add(tx, sessions.StoredSession(7, tenant_id, 1, "refresh", None, 1, 1, far))
        for number, text in enumerate(tokens, 8):
            token = Token(number, tenant_id, None, "", "", ALL_SCOPES, frozenset(), 1, None, far)
            credentials.add_token(tx, token, "session", secrets.digest(text), None, session_id=7)

    await site.house.store.database.write(log_in)
    before, after = Client(site, "a session"), Client(site, "a session")
    before.token, after.token = tokens
    async with pushed.pushing(site):
        number = await _verified(before, receiver)
        await site.house.store.database.write(lambda tx: tx.execute("DELETE FROM token WHERE id = 8"))
        assert [one["id"] for one in (await _call(after, "PushSubscription/get", ids=None))["list"]] == [number]
        await site.house.receive(LETTER % 1)
        await receiver.until(lambda: len(receiver.hooks) == 2)
        await site.house.settled()
        await asyncio.sleep(1.5)
        told = len(receiver.hooks)
        await site.house.store.database.write(sessions.end, 7)
        await site.house.receive(LETTER % 2)
        await until(lambda: _are_left(site, 0))
        await asyncio.sleep(1.0)  # nobody is told any more
        assert len(receiver.hooks) == told
