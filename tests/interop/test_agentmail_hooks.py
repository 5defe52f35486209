"""The AgentMail SDK on keys and webhooks, and what a receiver gets: verified by svix, read by strict models."""

import contextlib
import json

import httpx
import pytest
import svix.webhooks

from mailserver.api.agentry.event_bodies import AgentryPosting, EventBodies
from mailserver.entities.delivery import Delivered, Failed, FailureKind
from mailserver.mail.reply import Reply
from tests.support.receiver import Receiver, posting
from tests.support.sdk_models import problems
from tests.support.served import served

agentmail = pytest.importorskip("agentmail", reason="the SDK `agentmail` is not installed")

from agentmail.api_keys.types import ApiKeyPermissions, CreateBearerApiKeyRequest  # noqa: E402  it may be missing
from agentmail.core.api_error import ApiError  # noqa: E402
from agentmail.environment import AgentMailEnvironment  # noqa: E402
from agentmail.events import types as event_types  # noqa: E402

BASE = "/agent/v0"
RAW = b"From: Alice <alice@remote.test>\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%s@remote.test>\r\n\r\n%s\r\n"
MODELS = {
    "message.received": event_types.MessageReceivedEvent, "message.sent": event_types.MessageSentEvent,
    "message.delivered": event_types.MessageDeliveredEvent, "message.bounced": event_types.MessageBouncedEvent,
    "message.received.unauthenticated": event_types.MessageReceivedEvent,
    "message.rejected": event_types.MessageRejectedEvent,
}  # fmt: skip


@contextlib.asynccontextmanager
async def opened(directory, *, verify=False):
    async with (
        served(directory, outbound_http={"allow_private": True}, authentication={"verify": verify}) as site,
        httpx.AsyncClient() as http,
    ):
        await site.house.store.database.write(lambda tx: tx.execute("DELETE FROM event_feed"))
        base = f"{site.base}/agent"
        yield site, agentmail.AsyncAgentMail(
            api_key=site.tokens["a key"], httpx_client=http,
            environment=AgentMailEnvironment(http=base, websockets=base.replace("http", "ws")),
        )  # fmt: skip


@contextlib.asynccontextmanager
async def telling(site):
    """The engines that post, and somebody who gets it."""
    house = site.house
    worded = AgentryPosting(house.services.notify.posting, EventBodies(house.services))
    async with Receiver() as receiver, posting(house, posting=worded):
        yield receiver


async def receive(site, name, text=b"Hello.", to="agent@local.test", subject=b"Hi"):
    await site.house.receive(RAW % (to.encode(), subject, name, text), to=[to])
    await site.house.settled()


def strict(hook, secret):
    """What was posted, verified as a receiver does, and read by the SDK's own model."""
    svix.webhooks.Webhook(secret).verify(hook.content, hook.headers)
    with pytest.raises(svix.webhooks.WebhookVerificationError):
        svix.webhooks.Webhook(secret).verify(hook.content + b" ", hook.headers)
    body = json.loads(hook.content)
    assert problems(MODELS[body["event_type"]], body) == []
    assert hook.headers["svix-id"] == hook.headers["webhook-id"]
    return body


async def test_a_message_is_told_whole_and_a_sent_one_in_all_its_fates(tmp_path):
    async with opened(tmp_path) as (site, sdk), telling(site) as receiver:
        made = await sdk.webhooks.create(url=receiver.url(), event_types=[], client_id="main", headers={"X-Team": "a"})
        await receive(site, b"one", b"The kingfisher sings.\r\n\r\nOn Fri, Bob wrote:\r\n> Old.")
        await receiver.until(lambda: receiver.hooks)
        body = strict(receiver.hooks[0], made.secret)
        assert body["event_type"] == "message.received"
        assert body["message"]["inbox_id"] == "agent@local.test"
        assert "kingfisher" in body["message"]["text"]
        assert "Old" not in body["message"]["extracted_text"]
        assert body["thread"]["message_count"] == 1
        assert receiver.hooks[0].headers["x-team"] == "a"
        inboxes = sdk.inboxes.messages
        sent = await inboxes.send("agent@local.test", to=["bob@remote.test", "eve@remote.test"], subject="x", text="y")
        waiting = [(job.message, each) for job in await site.house.services.queue.page() for each in job.deliveries]
        fates = (
            Delivered(2, "mx.remote.test", Reply(250, "2.0.0", "ok")),
            Failed(3, FailureKind.REFUSED, Reply(550, "5.1.1", "no")),
        )
        for (message, delivery), fate in zip(waiting, fates, strict=True):
            record = site.house.assembled.outcomes.record
            await site.house.store.database.write(record, message, delivery, fate)
        await receiver.until(lambda: len(receiver.hooks) == 4)
        told = {body["event_type"]: body for body in (strict(hook, made.secret) for hook in receiver.hooks)}
        assert told["message.sent"]["send"]["recipients"] == ["bob@remote.test", "eve@remote.test"]
        for kind, name in (("sent", "send"), ("delivered", "delivery"), ("bounced", "bounce")):
            about = told[f"message.{kind}"][name]
            assert (about["message_id"], about["thread_id"]) == (sent.message_id, sent.thread_id)
            assert about["inbox_id"] == "agent@local.test"
        bounce = told["message.bounced"]["bounce"]
        assert (bounce["type"], bounce["sub_type"]) == ("Permanent", "NoEmail")
        assert bounce["recipients"][0]["status"] == "5.1.1"
        with contextlib.suppress(ApiError):  # nobody is left to write to
            await inboxes.send("agent@local.test", to=[bounce["recipients"][0]["address"], "x@remote.test"], text="y")
        await receiver.until(lambda: len(receiver.hooks) == 6)
        rejected = [strict(hook, made.secret) for hook in receiver.hooks if b"message.rejected" in hook.content]
        assert bounce["recipients"][0]["address"] in rejected[0]["reject"]["reason"]


async def test_a_secret_is_shown_once_and_what_stands_for_it_later_verifies_nothing(tmp_path):
    async with opened(tmp_path) as (site, sdk), telling(site) as receiver:
        made = await sdk.webhooks.create(url=receiver.url(), event_types=["message.received"], client_id="main")
        again = await sdk.webhooks.create(url=receiver.url("other"), event_types=[], client_id="main")
        assert (again.webhook_id, again.url) == (made.webhook_id, made.url)
        got = await sdk.webhooks.get(made.webhook_id)
        for later in (again, got, (await sdk.webhooks.list()).webhooks[0]):
            assert later.secret != made.secret
            with pytest.raises(Exception, match=r"base64|padding|Invalid|characters"):
                svix.webhooks.Webhook(later.secret)
        changed = await sdk.webhooks.update_headers(made.webhook_id, headers={"X-A": "1", "X-B": "2"})
        assert changed is None
        await sdk.webhooks.update_headers(made.webhook_id, headers={"x-b": "3"}, remove_headers=["x-a"])
        assert (await sdk.webhooks.get_headers(made.webhook_id)).header_names == ["x-b"]
        await receive(site, b"one")
        await receiver.until(lambda: receiver.hooks)
        assert receiver.hooks[0].headers["x-b"] == "3"
        await sdk.webhooks.update(made.webhook_id, enabled=False)
        await receive(site, b"two")
        await sdk.webhooks.delete(made.webhook_id)
        with pytest.raises(ApiError) as gone:
            await sdk.webhooks.get(made.webhook_id)
        assert gone.value.status_code == 404
        fresh = await sdk.webhooks.create(url=receiver.url("new"), event_types=["message.received"], client_id="main")
        assert fresh.webhook_id != made.webhook_id
        await receive(site, b"three")
        await receiver.until(lambda: receiver.got("new"))
        assert len(receiver.hooks) == 2


async def test_only_the_inboxes_and_types_that_were_named_are_told(tmp_path):
    async with opened(tmp_path) as (site, sdk), telling(site) as receiver:
        second = await sdk.webhooks.create(
            url=receiver.url("second"), event_types=["message.received"], inbox_ids=["second@local.test"]
        )
        await sdk.inboxes.webhooks.create("agent@local.test", url=receiver.url("own"), event_types=["message.received"])
        await sdk.webhooks.create(url=receiver.url("sent"), event_types=["message.sent"])
        await receive(site, b"one")
        await receive(site, b"two", to="second@local.test")
        await receive(site, b"three", to="agent@other.test")  # somebody else's
        await sdk.webhooks.update(second.webhook_id, add_inbox_ids=["agent@local.test"])
        await receive(site, b"four")
        await receiver.until(lambda: len(receiver.got("second")) == 2 and len(receiver.got("own")) == 2)
        assert [hook.json["message"]["message_id"] for hook in receiver.got("second")] == [
            "<two@remote.test>", "<four@remote.test>",
        ]  # fmt: skip
        assert not receiver.got("sent")
        shown = await sdk.webhooks.get(second.webhook_id)
        assert shown.inbox_ids == ["second@local.test", "agent@local.test"]
        both = ["second@local.test", "agent@local.test"]
        with pytest.raises(ApiError) as last:
            await sdk.webhooks.update(second.webhook_id, remove_inbox_ids=both)
        assert last.value.status_code == 400


async def test_mail_of_nobody_knows_whom_is_told_to_those_who_named_it(tmp_path):
    async with opened(tmp_path, verify=True) as (site, sdk), telling(site) as receiver:
        await sdk.webhooks.create(url=receiver.url("all"), event_types=[])
        named = ["message.received", "message.received.unauthenticated"]
        wanted = await sdk.webhooks.create(url=receiver.url("named"), event_types=named)
        await receive(site, b"one")
        await receiver.until(lambda: receiver.got("named"))
        body = strict(receiver.got("named")[0], wanted.secret)
        assert body["event_type"] == "message.received.unauthenticated"
        assert "unauthenticated" in body["message"]["labels"]
        assert not receiver.got("all")


async def test_a_long_message_is_told_without_its_text_and_a_deleted_one_not_at_all(tmp_path):
    async with opened(tmp_path) as (site, sdk):
        async with telling(site) as receiver:
            made = await sdk.webhooks.create(url=receiver.url(), event_types=["message.received"])
            await receive(site, b"long", b"word " * 60 + b"\r\n" + b"word word word word\r\n" * 60_000)
            await receiver.until(lambda: receiver.hooks)
            body = strict(receiver.hooks[0], made.secret)
            assert len(receiver.hooks[0].content) < 1 << 20
            assert body["message"]["size"] > 1 << 20
            assert "text" not in body["message"]
        await sdk.webhooks.update(made.webhook_id, event_types=["message.received"])
        await receive(site, b"gone")
        await receive(site, b"stays")
        await sdk.inboxes.messages.delete("agent@local.test", "<gone@remote.test>")
        await sdk.inboxes.messages.delete("agent@local.test", "<gone@remote.test>")
        async with telling(site) as receiver:
            moved = f"http://127.0.0.1:{receiver.port}/"
            await site.house.store.database.write(
                lambda tx: tx.execute("UPDATE webhook_endpoint SET url = ?", (moved,))
            )
            await receiver.until(lambda: receiver.hooks)
            assert [hook.json["message"]["message_id"] for hook in receiver.hooks] == ["<stays@remote.test>"]


async def test_keys_through_the_sdk(tmp_path):
    async with opened(tmp_path) as (_, sdk):
        me = await sdk.auth.me()
        assert me.scope_type == "organization"
        organization = await sdk.organizations.get()
        assert (organization.organization_id, organization.inbox_count) == (me.organization_id, 2)
        wanted = CreateBearerApiKeyRequest(name="bot", permissions=ApiKeyPermissions(message_send=True))
        made = await sdk.api_keys.create(request=wanted)
        shown = await sdk.api_keys.get(made.api_key_id)
        assert (shown.type, shown.name, shown.permissions.message_send) == ("bearer", "bot", True)
        changed = await sdk.api_keys.update(made.api_key_id, name="robot")
        assert changed.name == "robot"
        bound = await sdk.inboxes.api_keys.create("agent@local.test", request=CreateBearerApiKeyRequest())
        assert bound.inbox_id == "agent@local.test"
        listed = (await sdk.inboxes.api_keys.list("agent@local.test")).api_keys
        assert [one.api_key_id for one in listed] == [bound.api_key_id]
        await sdk.inboxes.api_keys.delete("agent@local.test", bound.api_key_id)
        await sdk.api_keys.delete(made.api_key_id)
        with pytest.raises(ApiError) as gone:
            await sdk.api_keys.get(made.api_key_id)
        assert gone.value.status_code == 404


async def test_a_key_that_may_not_read_mail_is_not_told_of_it(tmp_path):
    async with opened(tmp_path) as (site, sdk):
        wanted = CreateBearerApiKeyRequest(permissions=ApiKeyPermissions(webhook_create=True))
        made = await sdk.api_keys.create(request=wanted)
        body = {"url": "https://hooks.remote.test/", "event_types": ["message.received"]}
        answer = await site.call("POST", f"{BASE}/webhooks", made.api_key, json=body)
        assert answer.status == 403
