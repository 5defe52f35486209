"""Alerts and workflow rules as receivers see them: sent, and verified with the secret that their maker was shown."""

import pytest
import standardwebhooks

from tests.support.receiver import Receiver, posting
from tests.support.served import served

LETTER = b"From: Ann <ann@partner.test>\r\nTo: agent@local.test\r\nSubject: Offer\r\n\r\nHello.\r\n"


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path, outbound_http={"allow_private": True}) as opened:
        yield opened


async def post(site, path, **body):
    answer = await site.call("POST", path, site.tokens["a1"], json=body)
    assert answer.status == 201, answer.content
    return answer.json


async def test_an_alert_and_a_rule_are_told_side_by_side_and_verify(site):
    async with Receiver() as alerted, Receiver() as routed:
        alert = await post(
            site, "/v1/alerts/", events=["message.received"], delivery={"type": "webhook", "target": alerted.url()}
        )
        target = {"type": "webhook", "url": routed.url(), "event_type": "workflow.inbound_route"}
        write = {"source": {"from": "event.payload"}, "target": target}
        rule = await post(site, "/v1/workflows/", name="Route", trigger="email_received", writes=[write])
        async with posting(site.house):
            message = await site.house.receive(LETTER)
            await site.house.settled()
            await alerted.until(lambda: alerted.hooks)
            await routed.until(lambda: routed.hooks)
        (told,), (passed,) = alerted.hooks, routed.hooks
    assert standardwebhooks.Webhook(alert["secret"]).verify(told.content, told.headers)["type"] == "message.received"
    (secret,) = rule["secrets"].values()
    shown = standardwebhooks.Webhook(secret).verify(passed.content, passed.headers)
    assert shown["type"] == "workflow.inbound_route"
    assert shown["data"]["message_id"] == told.json["data"]["message_id"] == message
    assert shown["data"]["summary"] == "Offer"


async def test_a_test_of_an_alert_reaches_its_receiver_at_once(site):
    async with Receiver() as alerted:
        alert = await post(
            site, "/v1/alerts/", events=["message.sent"], delivery={"type": "webhook", "target": alerted.url()}
        )
        answer = await site.call("POST", "/v1/alerts/test/", site.tokens["a1"], json={"alert_id": alert["id"]})
        assert (answer.json["delivered"], answer.json["status"]) == (True, 204)
        (told,) = alerted.hooks
    assert standardwebhooks.Webhook(alert["secret"]).verify(told.content, told.headers)["type"] == "alert.test"
