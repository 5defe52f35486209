"""The AgentMail SDK on numbers, events of an inbox, the organisation, and what is told of domains and readers."""

import datetime as dt
import json
import re
import time

import agentmail
import pytest
import svix.webhooks
from agentmail.api_keys.types import ApiKeyPermissions, CreateBearerApiKeyRequest
from agentmail.core.api_error import ApiError
from agentmail.events import types as event_types
from agentmail.metrics.types import MetricBucket, RatePoint, UsagePoint
from agentmail.organizations.types import Organization

from mailserver.api.agentry.event_bodies import AgentryPosting, EventBodies
from mailserver.entities import identifiers
from mailserver.entities.delivery import Failed, FailureKind
from mailserver.entities.identifiers import Kind
from mailserver.entities.label import LabelType
from mailserver.mail.reply import Reply
from tests.support.receiver import Receiver, posting
from tests.support.sdk_models import problems
from tests.support.watched_sdk import watched
from tests.support.zone import FakeResolver

BASE = "/agent/v0"
INBOX = "agent@local.test"
EVENTS = {
    "message.received", "message.received.spam", "message.received.blocked", "message.received.unauthenticated",
    "message.sent", "message.delivered", "message.bounced", "message.complained", "message.rejected", "message.opened",
    "domain.verified",
}  # fmt: skip


@pytest.fixture
def names():
    """A zone of no names, in which text can be published."""
    return FakeResolver()


@pytest.fixture
async def client(tmp_path, names):
    async with watched(tmp_path, outbound_http={"allow_private": True}, resolver=names) as opened:
        await opened.site.house.store.database.write(lambda tx: tx.execute("DELETE FROM event_feed"))
        yield opened


async def counted(client):
    while await client.site.house.assembled.fanout.step():
        pass


async def series(client, call, model):
    """Every point of an answer is one of the SDK's, no more and no less."""
    client.raw.clear()
    answer = await call
    (body,) = client.raw
    assert set(answer) == set(body)
    for points in body.values():
        assert [problem for point in points for problem in problems(model, point)] == []
    return answer


async def test_numbers_of_the_organisation_of_a_pod_and_of_an_inbox(client):
    sdk, site = client.sdk, client.site
    await client.receive(b"One", b"one")
    await client.receive(b"Two", b"two", to="second@local.test")
    await sdk.inboxes.messages.send(INBOX, to=["bob@remote.test", "carl@remote.test"], subject="s", text="t")
    job = (await site.house.services.queue.page())[0]
    refused = Failed(int(time.time() * 1000), FailureKind.REFUSED, Reply(550, "5.1.1", "no"))
    record = site.house.assembled.outcomes.record
    await site.house.store.database.write(record, job.message, job.deliveries[0], refused)
    await counted(client)
    pod = (await sdk.inboxes.get(INBOX)).pod_id
    for metrics, owner, received, usage in (
        (sdk.metrics, (), 2, 6), (sdk.pods.metrics, (pod,), 2, 5), (sdk.inboxes.metrics, (INBOX,), 1, 3),
    ):  # fmt: skip
        found = await series(client, metrics.query_events(*owner), MetricBucket)
        assert set(found) == EVENTS
        kinds = ("message.received", "message.received.unauthenticated")
        assert sum(bucket.count for kind in kinds for bucket in found[kind]) == received
        assert [bucket.count for bucket in found["message.sent"]] == [1]
        now = dt.datetime.now(dt.UTC)
        hour = now - dt.timedelta(hours=1)
        found = await series(
            client,
            metrics.query_events(
                *owner, event_types=["message.sent"], start=hour, end=now, period=60, limit=5, descending=True
            ),
            MetricBucket,
        )
        assert [bucket.timestamp.second for bucket in found["message.sent"]] == [0]
        rates = await series(client, metrics.query_rates(*owner, rate_types=["bounce"]), RatePoint)
        assert len(rates["bounce"]) == 25
        assert (rates["bounce"][-1].rate, rates["bounce"][-1].sent) == (0.5, 2)
        narrow = {"start": hour, "period": 60, "window": 3600, "limit": 1, "descending": True}
        rates = await series(client, metrics.query_rates(*owner, **narrow), RatePoint)
        assert {kind: len(points) for kind, points in rates.items()} == {"bounce": 1, "complaint": 1}
        used = await series(client, metrics.query_usage(*owner), UsagePoint)
        assert len(used) == usage
        assert used["message_count"][-1].value == (3 if usage > 3 else 2)
        one = await series(client, metrics.query_usage(*owner, usage_types=["thread_count"], limit=1), UsagePoint)
        assert set(one) == {"thread_count"}
        for wrong in ({"start": now - dt.timedelta(days=200)}, {"period": 0}, {"event_types": ["message.eaten"]}):
            with pytest.raises(agentmail.ValidationError):
                await metrics.query_events(*owner, **wrong)
    with pytest.raises(ApiError) as refused:
        await sdk.inboxes.metrics.query_events("agent@other.test")
    assert refused.value.status_code == 404
    long_ago = await site.call("GET", f"{BASE}/metrics?since=2020-01-01", site.tokens["a key"])
    assert (long_ago.status, long_ago.json["errors"][0]["path"]) == (400, ["since"])
    for path, received in (("", 2), (f"/pods/{pod}", 2), (f"/inboxes/{INBOX}", 1)):
        shown = (await site.call("GET", f"{BASE}{path}/metrics", site.tokens["a key"])).json
        assert (shown["emails_sent"], shown["emails_received"], shown["emails_bounced"]) == (1, received, 1)


async def test_a_key_of_a_pod_hears_of_its_own_numbers(client):
    sdk = client.sdk
    await client.receive(b"One", b"one")
    await counted(client)
    pod = await sdk.pods.create(name="Theirs")
    key = (await sdk.pods.api_keys.create(pod.pod_id, request=CreateBearerApiKeyRequest())).api_key
    own = client.of(key)
    assert all(not buckets for buckets in (await own.metrics.query_events()).values())
    assert (await own.metrics.query_usage())["inbox_count"][-1].value == 0
    assert "pod_count" not in await own.metrics.query_usage()
    other = (await sdk.inboxes.get(INBOX)).pod_id
    for ask, owner in ((own.pods.metrics.query_rates, other), (own.inboxes.metrics.query_usage, INBOX)):
        with pytest.raises(ApiError) as refused:
            await ask(owner)
        assert refused.value.status_code == 404


async def test_labels_that_come_and_go_are_events_of_the_inbox(client):
    sdk = client.sdk
    await client.receive(b"One", b"one")
    message = (await sdk.inboxes.messages.list(INBOX)).messages[0]
    await sdk.inboxes.messages.update(INBOX, message.message_id, add_labels=["Urgent", "later"])
    await sdk.inboxes.messages.update(INBOX, message.message_id, remove_labels=["later", "unread"])
    events = sdk.inboxes.events
    found = await client.checked(events.list(INBOX))
    assert [(each.event_type, each.label) for each in found.events] == [
        ("label.removed", "later"), ("label.added", "later"), ("label.added", "Urgent"),
    ]  # fmt: skip
    assert {each.message_id for each in found.events} == {message.message_id}
    me = await sdk.auth.me()
    assert {each.organization_id for each in found.events} == {me.organization_id}
    walked, token = [], None
    while True:
        page = await client.checked(events.list(INBOX, limit=1, ascending=True, page_token=token))
        walked += [each.event_id for each in page.events]
        token = page.next_page_token
        if token is None:
            break
    assert walked == sorted(walked) == [each.event_id for each in reversed(found.events)]
    assert (await client.checked(events.list("second@local.test"))).events == []
    with pytest.raises(agentmail.NotFoundError):
        await events.list("agent@other.test")
    with pytest.raises(ApiError) as refused:
        await events.list(INBOX, page_token="strange")
    assert refused.value.status_code == 400
    await sdk.inboxes.messages.delete(INBOX, message.message_id)
    blind = ApiKeyPermissions(message_read=True, label_spam_read=True)
    wanted = CreateBearerApiKeyRequest(permissions=blind)
    key = (await sdk.api_keys.create(request=wanted)).api_key
    assert (await client.checked(client.of(key).inboxes.events.list(INBOX))).events == [], "it does not see trash"
    await sdk.inboxes.messages.delete(INBOX, message.message_id)
    gone = (await client.checked(events.list(INBOX))).events
    assert {each.message_id for each in gone} == {identifiers.encode(Kind.MESSAGE, _number(gone[0].message_id))}


def _number(text):
    return identifiers.decode(Kind.MESSAGE, text)


async def test_the_organisation_says_how_much_it_may_send(client):
    found = await client.sdk.organizations.get()
    (body,) = client.raw[-1:]
    assert body["daily_send_limit"] == 2 * 50_000, "what the operator lets each inbox send, times two"
    assert problems(Organization, {name: each for name, each in body.items() if name != "daily_send_limit"}) == []
    assert found.inbox_count == 2
    bound = await client.sdk.inboxes.api_keys.create(INBOX, request=CreateBearerApiKeyRequest())
    own = await client.site.call("GET", f"{BASE}/organizations", bound.api_key)
    assert own.json["daily_send_limit"] == 50_000


async def test_mail_is_searched_wherever_it_lies(client):
    sdk, site = client.sdk, client.site
    await client.receive(b"One", b"one")
    await client.receive(b"Two", b"two", to="second@local.test")
    await client.receive(b"Three", b"three", to="agent@other.test")
    pod = await sdk.pods.create(name="Empty")
    own = (await sdk.inboxes.get(INBOX)).pod_id

    async def found(key="a key", **asked):
        token = site.tokens.get(key, key)
        answer = await site.call("POST", f"{BASE}/search", token, json={"query": "kingfisher", **asked})
        assert answer.status == 200, answer.content
        return [each["message_id"] for each in answer.json["messages"]], answer.json.get("next_page_token")

    both = ["<two@remote.test>", "<one@remote.test>"]
    assert (await found())[0] == both
    assert (await found(inbox_ids=[INBOX]))[0] == both[1:]
    assert (await found(inbox_ids="second@local.test", pod_ids=[pod.pod_id]))[0] == both[:1]
    assert (await found(pod_ids=[pod.pod_id]))[0] == []
    assert (await found(pod_ids=[own], inbox_ids=None))[0] == both
    first, token = await found(limit=1)
    second, last = await found(limit=1, page_token=token)
    assert (first + second, last) == (both, None)
    bound = await sdk.inboxes.api_keys.create(INBOX, request=CreateBearerApiKeyRequest())
    assert (await found(key=bound.api_key))[0] == both[1:]
    keyed = await sdk.pods.api_keys.create(pod.pod_id, request=CreateBearerApiKeyRequest())
    assert (await found(key=keyed.api_key))[0] == []
    for wrong, status in (
        ({"inbox_ids": ["agent@other.test"]}, 404),
        ({"pod_ids": ["pod_x"]}, 404),
        ({"query": ""}, 400),
    ):
        answer = await site.call(
            "POST", f"{BASE}/search", site.tokens["a key"], json={"query": "kingfisher", **wrong}
        )  # fmt: skip
        assert answer.status == status, answer.content


async def test_a_verified_domain_and_a_reader_are_told_to_webhooks(client, names):
    sdk, site = client.sdk, client.site
    house = site.house
    worded = AgentryPosting(house.services.notify.posting, EventBodies(house.services))
    async with Receiver() as receiver, posting(house, posting=worded):
        every = await sdk.webhooks.create(url=receiver.url("all"), event_types=[])
        named = await sdk.webhooks.create(url=receiver.url("named"), event_types=["domain.verified", "message.opened"])
        bound = await sdk.inboxes.webhooks.create("second@local.test", url=receiver.url("bound"), event_types=[])
        made = await sdk.domains.create(domain="claimed.test", feedback_enabled=True)
        (shown,) = [each for each in made.records if each.value.startswith("gent-verify=")]
        names.texts[shown.name] = [shown.value]
        await sdk.domains.verify("claimed.test")
        await receiver.until(lambda: receiver.got("all") and receiver.got("named"))
        await _read(client)
        await receiver.until(lambda: len(receiver.got("named")) == 2)
        told = []
        for path, secret in (("all", every.secret), ("named", named.secret)):
            for hook in receiver.got(path):
                svix.webhooks.Webhook(secret).verify(hook.content, hook.headers)
                told.append(json.loads(hook.content))
        domains = [each for each in told if each["event_type"] == "domain.verified"]
        assert len(domains) == 2
        for body in domains:
            assert problems(event_types.DomainVerifiedEvent, body) == []
            assert (body["domain"]["domain"], body["domain"]["status"]) == ("claimed.test", "VERIFIED")
            assert {each["status"] for each in body["domain"]["records"] if each["name"] == shown.name} == {"VALID"}
        openings = [each for each in told if each["event_type"] == "message.opened"]
        assert openings
        for body in openings:
            assert problems(event_types.MessageOpenedEvent, body) == []
            whole = await sdk.inboxes.messages.get(INBOX, body["open"]["message_id"])
            assert (whole.subject, whole.thread_id) == ("News", body["open"]["thread_id"])
        assert receiver.got("bound") == [], "a domain is no inbox's"
        assert bound.webhook_id
        counts = await sdk.metrics.query_events(event_types=["domain.verified", "message.opened"])
        assert {name: len(points) for name, points in counts.items()} == {"domain.verified": 1, "message.opened": 1}
        blind = ApiKeyPermissions(message_read=True, webhook_create=True, webhook_read=True)
        wanted = CreateBearerApiKeyRequest(permissions=blind)
        other = client.of((await sdk.api_keys.create(request=wanted)).api_key)
        with pytest.raises(ApiError) as refused:
            await other.webhooks.create(url=receiver.url("x"), event_types=["domain.verified"])
        assert refused.value.status_code == 403
        unnamed = await other.webhooks.create(url=receiver.url("x"), event_types=[])
        assert "domain.verified" not in unnamed.event_types
        assert "message.opened" in unnamed.event_types


async def _read(client):
    """Send a broadcast, and let its reader look at its picture."""
    site = client.site
    token = site.tokens["a1"]
    services = site.house.services
    caller = await site.house.caller(site.inboxes["a1"])
    label = await services.labels.create(caller, "News", LabelType.CONTACT, None, None, None)
    label_id = identifiers.encode(Kind.LABEL, label.id)
    made = await site.call(
        "POST", "/v1/contacts/", token, json={"full_name": "Ann", "emails": [{"address": "ann@remote.test"}]}
    )
    assert made.status in (200, 201), made.content
    await services.labels.put_on_contact(caller, label_id, made.json["id"])
    asked = await site.call(
        "POST", "/v1/messages/broadcast/", token,
        json={"label_id": label_id, "subject": "News", "text_body": "Hi.", "html_body": "<p>Hi.</p>"},
    )  # fmt: skip
    assert asked.status in (200, 201, 202), asked.content
    while await services.broadcasting.feeder.once() == 0:
        pass
    (job,) = [each for each in await services.queue.page() if each.message.source == "broadcast"]
    letter = (site.house.store.directory / "mail" / job.message.location).read_bytes().decode().replace("=\r\n", "")
    broadcast, picture = re.search(r"/track/open/(\w+)/([\w-]+)/", letter).groups()
    services.broadcasting.tracking.open(broadcast, picture)
    await services.broadcasting.tracking.flush()
