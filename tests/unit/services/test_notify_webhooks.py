"""Webhooks and the event log through the API: who may do and see what, and what is refused."""

import time

import pytest

from mailserver.entities.access import Scope
from mailserver.entities.event import Event, EventType
from mailserver.entities.webhook import Backoff
from mailserver.services.notify import backoff, catalogue, signatures, telling
from tests.support.served import served

URL = "https://hooks.remote.test/x"
SECRET = "whsec_" + "A" * 43 + "="


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def make(site, token, **more):
    return await site.call("POST", "/v1/webhooks/", site.tokens[token], json={"url": URL, **more})


async def publish(site, *events):
    await site.house.store.database.write(lambda tx: [tx.publish(one) for one in events])


def event(site, kind, inbox="a1", at=None, whole_tenant=False, **body):
    of = site.inboxes[inbox]
    at = at or int(time.time() * 1000)
    return Event(site.house.store.ids.next(), of.tenant_id, 0 if whole_tenant else of.id, kind, at, body)


async def test_a_secret_is_shown_once_and_header_values_never(site):
    made = await make(site, "a1", headers={"Authorization": "Bearer hidden"})
    assert made.status == 201
    assert signatures.is_secret(made.json["secret"])
    path = f"/v1/webhooks/{made.json['webhook_id']}/"
    for answer in (
        await site.call("GET", path, site.tokens["a1"]),
        await site.call("GET", "/v1/webhooks/", site.tokens["a1"]),
    ):
        assert answer.status == 200
        assert b"whsec_" not in answer.content
        assert b"hidden" not in answer.content
    assert (await site.call("GET", path, site.tokens["a1"])).json["header_names"] == ["Authorization"]
    rotated = (await site.call("POST", f"{path}rotate/", site.tokens["a1"])).json
    assert rotated["secret"] != made.json["secret"]
    assert rotated["previous_secret_until"] is not None


async def test_what_is_for_the_tenant_is_its_owners_alone(site):
    made = await make(site, "a session")
    assert made.json["inbox_id"] is None
    path = f"/v1/webhooks/{made.json['webhook_id']}/"
    assert (await site.call("GET", path, site.tokens["a session"])).status == 200
    assert (await site.call("GET", path, site.tokens["a1"])).status == 404
    assert (await site.call("DELETE", path, site.tokens["a1"])).status == 404
    assert (await site.call("GET", "/v1/webhooks/", site.tokens["a1"])).json["total"] == 0
    assert (await site.call("GET", "/v1/webhooks/", site.tokens["a session"])).json["total"] == 1


async def test_an_agent_hears_of_nothing_that_is_for_owners(site):
    assert (await make(site, "a1", events=["approval.requested"])).status == 403
    assert (await make(site, "a1", events=["message.received", "contact.birthday"])).status == 201
    assert (await make(site, "a session", inbox_id=site.inboxes["a1"].address, events=["token.created"])).status == 201


@pytest.mark.parametrize(
    "body",
    [
        {"url": "http://hooks.remote.test/"}, {"url": "https://10.0.0.1/", "enabled": 7}, {"url": "ftp://x.test/"},
        {"events": ["no.such"]}, {"events": ["message.received"] * 101}, {"headers": {"Host": "x"}},
        {"headers": {"Webhook-Id": "x"}}, {"headers": {"svix-id": "x"}}, {"headers": {"Content-Length": "1"}},
        {"headers": {"Transfer-Encoding": "chunked"}}, {"headers": {"X A": "x"}}, {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"X": "é"}}, {"headers": {"X": "a", "x": "b"}}, {"headers": {f"X-{n}": "x" for n in range(21)}},
        {"description": "x" * 501}, {"url": "https://x.test/" + "x" * 3000}, {"url": ""}, {"secret": "mine"},
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused(site, body):
    answer = await make(site, "a1", **body)
    assert answer.status == 400, answer.content
    assert await site.house.rows("SELECT 1 FROM webhook_endpoint") == []


async def test_the_number_of_webhooks_is_bounded(site):
    await make(site, "a1")
    await site.house.store.database.write(
        lambda tx: tx.execute(
            "INSERT INTO webhook_endpoint SELECT n + 1000, tenant_id, inbox_id, origin, origin_id, url, host, "
            "description, event_types, header_names, headers, secret, NULL, NULL, enabled, NULL, NULL, NULL, 0, NULL, "
            "0, 0, created_at, updated_at, NULL FROM webhook_endpoint, (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL "
            "SELECT n + 1 FROM c WHERE n < 199) SELECT n FROM c)"
        )
    )
    assert (await make(site, "a1")).status == 409


async def test_the_settings_of_an_inbox_have_a_webhook_of_their_own(site):
    path, token = f"/v1/inboxes/{site.inboxes['a1'].address}/settings/", site.tokens["a session"]

    async def change(**body):
        return await site.call("PATCH", path, token, json=body)

    assert (await change(webhook_url=URL)).status == 400  # nobody would know the secret
    assert (await change(webhook_url=URL, webhook_secret="guess")).status == 400
    assert (await change(webhook_events=["message.sent"])).status == 400  # there is no URL
    made = await change(webhook_url=URL, webhook_events=["message.sent"], webhook_secret=SECRET)
    assert made.status == 200
    assert (made.json["webhook_url"], made.json["webhook_events"]) == (URL, ["message.sent"])
    assert SECRET.encode() not in made.content
    (listed,) = (await site.call("GET", "/v1/webhooks/", site.tokens["a1"])).json["results"]
    assert listed["origin"] == "inbox"
    one = f"/v1/webhooks/{listed['webhook_id']}/"
    assert (await site.call("DELETE", one, site.tokens["a1"])).status == 409
    assert (await site.call("PATCH", one, site.tokens["a1"], json={"url": "https://evil.test/"})).status == 409
    assert (await change(signature_text="Yours")).json["webhook_url"] == URL
    assert (await change(webhook_events=[])).json["webhook_events"] == []
    assert (await change(webhook_url=None)).json["webhook_url"] is None
    assert (await site.call("GET", one, site.tokens["a1"])).status == 404
    assert await site.house.services.notify.webhooks.sweep() == 1
    assert await site.house.rows("SELECT 1 FROM webhook_endpoint") == []


async def test_an_inbox_that_is_closed_takes_its_webhooks_with_it(site):
    made = await make(site, "a2")
    await site.call("POST", f"/v1/webhooks/{made.json['webhook_id']}/test/", site.tokens["a2"])
    path = f"/v1/inboxes/{site.inboxes['a2'].address}/?purge=true"
    assert (await site.call("DELETE", path, site.tokens["a session"])).status == 204
    assert await site.house.services.notify.webhooks.sweep() == 2
    for table in ("webhook_endpoint", "webhook_delivery"):
        assert await site.house.rows(f"SELECT 1 FROM {table}") == []


async def test_the_log_is_kept_for_seven_days(site):
    made = await make(site, "a1")
    path = f"/v1/webhooks/{made.json['webhook_id']}/"
    await site.call("POST", f"{path}test/", site.tokens["a1"])
    week = 7 * 86_400_000 + 1000
    await site.house.store.database.write(
        lambda tx: tx.execute("UPDATE webhook_delivery SET finished_at = finished_at - ?", (week,))
    )
    assert (await site.call("GET", f"{path}deliveries/", site.tokens["a1"])).json["total"] == 0
    assert await site.house.services.notify.webhooks.sweep() == 1


async def test_the_event_log_is_paged_filtered_and_one_s_own(site):
    await site.house.store.database.write(lambda tx: tx.execute("DELETE FROM event"))
    start = int(time.time() * 1000)
    await publish(
        site,
        event(site, EventType.MESSAGE_SENT, at=start, message_id=7),
        event(site, EventType.MESSAGE_COMPLAINED, at=start + 1000),
        event(site, EventType.CONTACT_ANNIVERSARY, at=start + 2000, anniversary_type="birthday"),
        event(site, EventType.APPROVAL_REQUESTED, at=start + 3000),
        event(site, EventType.MESSAGE_SENT, "a2", at=start + 4000),
        event(site, EventType.MESSAGE_SENT, "b1", at=start + 5000),
        event(site, EventType.DOMAIN_VERIFIED, at=start + 6000, whole_tenant=True),
    )

    async def types(token, query=""):
        answer = await site.call("GET", f"/v1/events/{query}", site.tokens[token])
        assert answer.status == 200, answer.content
        return [one["type"] for one in answer.json["results"]]

    own = ["contact.birthday", "message.spam_complaint", "message.sent"]
    assert await types("a1") == own
    assert await types("a session") == ["domain.verified", "message.sent", "approval.requested", *own]
    assert await types("a session", f"?inbox_id={site.inboxes['a2'].address}") == ["message.sent"]
    assert await types("a1", "?type=message.spam_complaint") == ["message.spam_complaint"]
    assert await types("a1", "?type=contact.birthday") == ["contact.birthday"]
    assert await types("a1", "?type=contact.wedding") == []
    assert await types("a1", "?type=approval.requested") == []
    assert await types("b1") == ["message.sent"]
    assert (await site.call("GET", "/v1/events/?type=no.such", site.tokens["a1"])).status == 400
    assert (await site.call("GET", "/v1/events/?cursor=x", site.tokens["a1"])).status == 400
    after = telling.moment(start + 1000).replace("+", "%2B")
    assert await types("a1", f"?after={after}") == own[:2]
    assert await types("a1", f"?before={after}") == own[2:]
    seen, cursor = [], ""
    while cursor is not None:
        page = (await site.call("GET", f"/v1/events/?limit=2{cursor and '&cursor=' + cursor}", site.tokens["a1"])).json
        seen += [one["type"] for one in page["results"]]
        cursor = page["cursor"]
    assert seen == own
    first = (await site.call("GET", "/v1/events/?type=message.sent", site.tokens["a1"])).json["results"][0]
    assert first["data"] == {"message_id": "msg_0000000000007"}


async def test_types_for_owners_are_shown_to_owners(site):
    for path in ("/v1/events/types/", "/v1/events/reference/"):
        for token, is_owner in ((None, False), ("a1", False), ("expired", False), ("a session", True)):
            answer = await site.call("GET", path, site.tokens[token] if token else None)
            assert answer.status == 200
            shown = {one["type"] for one in answer.json["events"]}
            assert catalogue.ADMIN.isdisjoint(shown) != is_owner
            listed = {name for names in answer.json["categories"].values() for name in names}
            assert listed == shown


async def test_a_token_s_life_is_told_to_the_owner(site):
    session = site.tokens["a session"]
    body = {"inbox_id": site.inboxes["a1"].address, "label": "bot", "scopes": ["email:read"]}
    made = (await site.call("POST", "/v1/tokens/", session, json=body)).json
    await site.call("POST", f"/v1/tokens/{made['token_id']}/rotate/", session, json={})
    await site.call("DELETE", f"/v1/tokens/{made['token_id']}/", session)
    answer = (await site.call("GET", "/v1/events/?limit=3", session)).json["results"]
    assert [one["type"] for one in answer] == ["token.revoked", "token.rotated", "token.created"]
    assert answer[0]["data"] == {"token_id": made["token_id"], "label": "bot", "scopes": ["email:read"]}


def test_the_catalogue_names_every_type_that_is_published():
    told = {each.type for each in catalogue.EVENTS}
    for kind in EventType:
        if kind is not EventType.CONTACT_ANNIVERSARY:
            assert telling.renamed(kind) in told, kind


def test_tries_are_spread_over_more_than_a_day_and_then_end():
    waits = [backoff.wait_seconds(tries, None, None, None, lambda: 0.5) for tries in range(1, 12)]
    assert waits[:3] == [5, 30, 120]
    assert 27 * 3600 < sum(waits[:10]) < 29 * 3600
    assert waits[10] is None
    assert backoff.wait_seconds(1, 0, None, None) is None
    assert backoff.wait_seconds(3, 3, Backoff.FIXED, None, lambda: 0.5) == 60
    assert backoff.wait_seconds(4, 3, Backoff.FIXED, None) is None
    assert backoff.wait_seconds(1, None, None, 900.0) == 900
    assert backoff.wait_seconds(1, None, None, 1e9) == 86_400


async def test_the_scope_is_for_alerts(site):
    token = await site.token("agent", site.inboxes["a1"], frozenset({Scope.ALERTS_READ}))
    assert (await site.call("GET", "/v1/webhooks/", token)).status == 200
    assert (await site.call("POST", "/v1/webhooks/", token, json={"url": URL})).status == 403
