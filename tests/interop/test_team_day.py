"""A day of a small team on a real appliance: set-up, tokens, rules, approvals, tasks, and webhooks that others verify.

Nothing here knows the inside: SMTP and HTTP, as an application and two people would use them.
"""

import asyncio
import smtplib
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
import svix.webhooks

from tests.support.person import Person
from tests.support.receiver import Receiver
from tests.support.server import PASSWORD, running_server
from tests.support.waiting import until

CSV = "name,email,birthday\nCarol Customer,carol@remote.test,1985-03-14\nDave,dave@remote.test,\n"


def mail(server, subject, text, sender="carol@remote.test", to="support@local.test"):
    lines = [
        f"From: Carol Customer <{sender}>", f"To: {to}", f"Subject: {subject}",
        f"Message-ID: <{subject.replace(' ', '.')}@remote.test>", "", text, "",
    ]  # fmt: skip
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.sendmail(sender, [to], "\r\n".join(lines))


@pytest.fixture
async def server(tmp_path):
    async with running_server(tmp_path, outbound_http__allow_private=True) as running:
        yield running


async def login(server, email, password=PASSWORD):
    async with server.session("nobody") as client:
        answer = await (await client.post("/auth/login/", json={"email": email, "password": password})).json()
    return answer["access_token"]


async def test_a_day_of_a_small_team(server):
    async with Receiver() as receiver, server.session(await login(server, "agent@local.test")) as client:
        owner = Person(client)

        # Morning: the owner makes a colleague, an inbox for support, and a token for its agent.
        await owner.post("/v1/users/", email="mia@local.test", password="another good one", role="member")
        support = await owner.post("/v1/inboxes/", address="support@local.test", display_name="Support")
        inbox = support["inbox_id"]
        await owner.ask(
            "PATCH", f"/v1/inboxes/{inbox}/settings/", default_timezone="Europe/Berlin", signature_text="Yours"
        )
        token = await owner.post(
            "/v1/tokens/", inbox_id="support@local.test", label="helper",
            scopes=["email:read", "email:send", "task:read", "context:read", "contacts:read", "calendar:read"],
            requires_approval=["email:send"],
        )  # fmt: skip
        assert token["token"].startswith("gent_")
        async with (
            server.session(token["token"]) as agent_client,
            server.session(await login(server, "mia@local.test", "another good one")) as mia_client,
        ):
            agent, mia = Person(agent_client), Person(mia_client)
            await mia.post("/v1/users/", 403, email="x@local.test", password="another good one", role="member")
            await agent.post("/v1/tokens/", 403, inbox_id=inbox, label="more", scopes=[])

            # Rules: who is not wanted, what an order is, who is to hear of it.
            await owner.ask(
                "PUT", "/v1/sender-rules/", inbox_id=inbox, inbound_mode="blocklist", inbound_patterns=["@bad.test"]
            )
            orders = await owner.post("/v1/labels/", name="Orders", type="any")
            rule = await owner.post(
                "/v1/workflows/", inbox_id=inbox, name="orders", trigger="email_received",
                conditions=[{"field": "subject", "op": "contains", "value": "order"}],
                writes=[
                    {"source": {"from": "event.payload"},
                     "target": {"type": "email.add_label", "label_id": orders["label_id"]}},
                    {"source": {"from": "event.payload"}, "target": {"type": "task", "summary": "Pack {subject}"}},
                ],
            )  # fmt: skip
            hook = await owner.post(
                "/v1/webhooks/", url=receiver.url(), inbox_id=inbox,
                events=["message.received", "approval.requested", "approval.approved", "message.sent", "event.created"],
            )  # fmt: skip
            alert = await owner.post(
                "/v1/alerts/", inbox_id=inbox, events=["message.received"],
                delivery={"type": "task", "target": "Look at {subject}"}, filter={"subject": "Please call"},
            )  # fmt: skip
            assert await owner.ask("POST", "/v1/contacts/import/", inbox_id=inbox, format="csv", content=CSV) == {
                "imported": 2, "skipped": 0,
            }  # fmt: skip

            # Mail comes in.
            await asyncio.to_thread(mail, server, "My order 77", "Two boxes, please.")
            await asyncio.to_thread(mail, server, "Please call", "Today!")
            await asyncio.to_thread(mail, server, "Cheap order", "Buy now", "x@bad.test")
            rows = await until(lambda: received(agent, 2))
            assert [row["subject"] for row in rows] == ["Please call", "My order 77"]
            order = rows[1]
            labels = await agent.get(f"/v1/messages/threads/{order['thread_id']}/labels/")
            assert [each["label_key"] for each in labels["results"]] == ["orders", "unauthenticated"]
            tasks = await until(lambda: open_tasks(agent, {"Pack My order 77", "Look at Please call"}))
            assert {each["source"] for each in tasks} == {"workflow", "alert"}
            runs = await owner.get(f"/v1/workflows/{rule['rule_id']}/runs/")
            assert len(runs) == 1, runs

            # The agent answers; a person has to say yes, and it is not the agent.
            held = await agent.post("/v1/messages/", 202, reply_to_message_id=order["id"], text_body="On its way.\n")
            assert held["queued"] is True
            approval = f"/v1/approvals/{held['approval_id']}/"
            await agent.ask("POST", f"{approval}approve/", 403, inbox_id=inbox)
            (waiting,) = await mia.get(f"/v1/approvals/?inbox_id={inbox}")
            assert waiting["action_type"] == "email:send"
            assert "carol@remote.test" in waiting["summary"]
            await mia.ask("POST", f"{approval}approve/", 204, inbox_id=inbox)
            await mia.ask("POST", f"{approval}approve/", 400, inbox_id=inbox)
            sent = await agent.get("/v1/messages/?folder=sent")
            assert [row["subject"] for row in sent["results"]] == ["Re: My order 77"]

            # An appointment in plain words, the agenda, and a calendar program.
            tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT12:00:00")
            event = await mia.post(
                "/v1/calendar/events/", inbox_id=inbox, title="Call Carol", start=tomorrow, duration="30 minutes",
                participants=[{"email": "carol@remote.test", "name": "Carol"}],
            )  # fmt: skip
            agenda = (await agent.get("/v1/agenda/?days=3"))["results"]
            pending = [each["pending"] for each in agenda]
            assert pending == sorted(pending, reverse=True)
            assert event["event_id"] in {each["id"] for each in agenda}
            calendars = await mia.get(f"/v1/calendars/?inbox_id={inbox}")
            shown = await mia.ask("PATCH", f"/v1/calendars/{calendars[0]['calendar_id']}/", renew_subscription=True)
            link = next(value for value in shown.values() if isinstance(value, str) and ".ics" in value)
            async with server.session("nobody") as anybody:
                answer = await anybody.get(link[link.index("/", 8) :])
                assert "SUMMARY:Call Carol" in await answer.text()

            # What was done with Carol, and who did what.
            await until(lambda: activity(agent, {"message.received", "message.sent"}))
            graph = await agent.get("/v1/relationships/")
            assert any(node.get("address") == "carol@remote.test" or "Carol" in str(node) for node in graph["nodes"])
            usage = await owner.get("/v1/usage/")
            assert usage
            actions = {each["type"] for each in (await owner.get("/v1/audit/?limit=200"))["results"]}
            assert {"user.created", "inbox.created", "token.created", "approval.approved"} <= actions

            # Everything that was told came in order, and two libraries of others believe it.
            every = {"message.received", "approval.requested", "approval.approved", "message.sent", "event.created"}
            await until(lambda: heard(receiver) >= every)
            types = [got.json["type"] for got in receiver.hooks]
            subjects = [got.json["data"]["subject"] for got in receiver.hooks if got.json["type"] == "message.received"]
            assert subjects[:2] == ["My order 77", "Please call"]
            assert "Cheap order" not in subjects
            assert types.index("approval.requested") < types.index("approval.approved")
            for got in receiver.hooks:
                svix.webhooks.Webhook(hook["secret"]).verify(got.content, got.headers)
                standardwebhooks.Webhook(hook["secret"]).verify(got.content, got.headers)
            log = await until(lambda: written_down(owner, hook["webhook_id"]))
            ids = [each["delivery_id"] for each in log]
            assert {got.headers["webhook-id"] for got in receiver.hooks} == set(ids)

            # Evening: the token goes, and is gone.
            await owner.ask("DELETE", f"/v1/alerts/{alert['id']}/", 204)
            await owner.ask("DELETE", f"/v1/tokens/{token['token_id']}/", 204)
            await agent.ask("GET", "/v1/messages/", 401)


async def received(agent, number):
    found = await agent.get("/v1/messages/?folder=inbox")
    return found["results"] if found["total"] >= number else None


async def open_tasks(agent, summaries):
    found = (await agent.get("/v1/tasks/?completed=false"))["results"]
    named = [each for each in found if each["summary"] in summaries]
    return named if len(named) == len(summaries) else None


async def activity(agent, types):
    found = (await agent.get("/v1/activity/?address=carol@remote.test"))["events"]
    return types <= {each["type"] for each in found}


def heard(receiver):
    return {got.json["type"] for got in receiver.hooks}


async def written_down(owner, webhook_id):
    """What was told, once every answer is noted: that is a moment after it was heard."""
    log = (await owner.get(f"/v1/webhooks/{webhook_id}/deliveries/"))["results"]
    return log if {each["status"] for each in log} == {"delivered"} else None
