"""A day of a support desk: mail in, a ticket by a rule, notes, answers to and fro, resolved, reopened, closed, forked.

Nothing here knows the inside: a customer's mail server speaks SMTP, the desk speaks HTTP, and a web server of somebody
else's takes the webhooks and verifies them.
"""

import asyncio
import email
import email.policy
import smtplib

import pytest
import standardwebhooks

from tests.support.person import Person
from tests.support.receiver import Receiver
from tests.support.remote import Remote
from tests.support.server import PASSWORD, running_server
from tests.support.waiting import until
from tests.support.zone import NameServer

ZONE = (
    "@ 60 SOA ns.test. x. 1 60 60 60 60\n@ 60 NS ns.test.\nns 60 A 127.0.0.1\n"
    "remote 60 MX 10 mx.remote\nmx.remote 60 A 127.0.0.1\n"
)
BILLING, SUPPORT = "ticket/class/billing", "ticket/class/support"
TOLD = [
    "ticket.opened", "ticket.updated", "ticket.resolved", "ticket.closed", "ticket.reopened", "thread.assigned",
    "thread.note_added",
]  # fmt: skip


class Customer:
    """Carol, who writes by SMTP and gets what her own mail server was given."""

    def __init__(self, server, remote):
        self.server, self.remote, self.seen = server, remote, 0

    async def writes(self, name, subject, text, answers=None):
        lines = [
            "From: Carol Customer <carol@remote.test>", "To: support@local.test", f"Subject: {subject}",
            f"Message-ID: <{name}@remote.test>", *([f"In-Reply-To: {answers}"] if answers else []), "", text, "",
        ]  # fmt: skip
        await asyncio.to_thread(self._send, "\r\n".join(lines))

    def _send(self, text):
        with smtplib.SMTP(*self.server.smtp, timeout=60) as client:
            client.sendmail("carol@remote.test", ["support@local.test"], text)

    async def reads(self):
        """The next letter that she gets."""

        async def there():
            return self.remote.messages[self.seen :]

        found = await until(there)
        self.seen += 1
        return email.message_from_bytes(found[0].content, policy=email.policy.default)


@pytest.fixture
async def world(tmp_path):
    async with (
        Remote() as remote,
        NameServer("test.", ZONE) as names,
        Receiver() as receiver,
        running_server(
            tmp_path, outbound_http__allow_private=True, queue__remote_port=remote.port,
            dns__nameservers=[f"127.0.0.1:{names.port}"],
        ) as server,
    ):  # fmt: skip
        yield server, remote, receiver


async def settle(desk, path, **wanted):
    """The ticket, once it is as it should be."""

    async def is_so():
        found = await desk.get(path)
        return found if {name: found[name] for name in wanted} == wanted else None

    return await until(is_so)


async def ticket_labels(desk, thread):
    found = (await desk.get(f"/v1/messages/threads/{thread}/labels/"))["results"]
    return {each["label_key"] for each in found if each["label_key"].startswith("ticket/")}


async def test_a_day_of_a_support_desk(world):
    server, remote, receiver = world
    customer = Customer(server, remote)
    async with server.session("nobody") as client:
        answer = await (
            await client.post("/auth/login/", json={"email": "agent@local.test", "password": PASSWORD})
        ).json()
    async with server.session(answer["access_token"]) as client:
        owner = Person(client)

        # The desk is set up: two inboxes, classes, a rule, a webhook and an alert.
        inbox = (await owner.post("/v1/inboxes/", address="support@local.test", display_name="Support"))["inbox_id"]
        await owner.post("/v1/inboxes/", address="mia@local.test", display_name="Mia")
        tokens = [
            await owner.post(
                "/v1/tokens/", inbox_id=address, label=address,
                scopes=["email:read", "email:send", "email:write", "task:read", "context:read", "labels:read"],
            )
            for address in ("support@local.test", "mia@local.test")
        ]  # fmt: skip
        billing = await owner.post("/v1/labels/", name="Billing", key=BILLING)
        await owner.post("/v1/labels/", name="Support", key=SUPPORT)
        rule = await owner.post(
            "/v1/workflows/", inbox_id=inbox, name="invoices", trigger="email_received",
            conditions=[{"field": "subject", "op": "contains", "value": "invoice"}],
            writes=[
                {"source": {"from": "event.payload"},
                 "target": {"type": "email.add_label", "label_id": billing["label_id"]}},
                {"source": {"from": "event.payload"},
                 "target": {"type": "ticket.update", "priority": "high"}},
            ],
        )  # fmt: skip
        hook = await owner.post("/v1/webhooks/", url=receiver.url(), inbox_id=inbox, events=TOLD)
        await owner.post(
            "/v1/alerts/", inbox_id=inbox, events=["ticket.reopened"],
            delivery={"type": "task", "target": "Again: {subject}"},
        )  # fmt: skip

        async with server.session(tokens[0]["token"]) as support_client, server.session(tokens[1]["token"]) as mias:
            desk, mia = Person(support_client), Person(mias)

            # Mail comes in; the rule labels it, and the label of a class opens a ticket, which it makes urgent.
            await customer.writes("first", "My invoice 77", "It is wrong.")
            (row,) = await until(lambda: listed(desk, "open"))
            thread = row["thread_id"]
            assert (row["priority"], row["class_label_key"]) == ("high", BILLING)
            path = f"/v1/messages/threads/{thread}/ticket/"
            assert await ticket_labels(desk, thread) == {BILLING, "ticket/status/open", "ticket/priority/high"}
            (run,) = await owner.get(f"/v1/workflows/{rule['rule_id']}/runs/")
            assert [each["result"] for each in run["writes"]] == ["done", "done"]

            # Mia is asked, and is given the ticket: both stand in her agenda.
            await desk.post(
                f"/v1/messages/threads/{thread}/notes/", body="Mia, is 77 ours?", mentions=["mia@local.test"]
            )
            await desk.ask("PATCH", path, assignee_inbox_id="mia@local.test", due_at="in 2 hours")
            agenda = (await mia.get("/v1/agenda/?days=3"))["results"]
            assert {each["title"] for each in agenda} >= {"[Mentioned] My invoice 77", "[Assigned] My invoice 77"}
            assert agenda[0]["pending"] is True
            await mia.ask("GET", path, 404)  # the thread is another inbox's all the same

            # The desk answers by mail, and waits; the customer answers, and it is the desk's turn.
            (message,) = (await desk.get(f"/v1/messages/threads/{thread}/"))["email_ids"]
            await desk.post("/v1/messages/", reply_to_message_id=message, text_body="Which line is wrong?")
            assert (await desk.get(path))["status"] == "pending_sender"
            asked = await customer.reads()
            assert asked["Subject"] == "Re: My invoice 77"
            await customer.writes("second", "Re: My invoice 77", "The third.", asked["Message-ID"])
            await settle(desk, path, status="open")

            # It is settled; then it is not.
            await desk.post(f"{path}resolve/", 200, resolution_note="The third line was taken off.")
            assert await ticket_labels(desk, thread) == {BILLING, "ticket/status/resolved", "ticket/priority/high"}
            await customer.writes("third", "Re: My invoice 77", "It is still there!", asked["Message-ID"])
            again = await settle(desk, path, status="open", reopen_count=1)
            assert again["resolved_at"] is None
            await until(lambda: named_task(desk, "Again: My invoice 77"))

            # The last word. What comes after it in the thread leaves it closed; a request of its own gets a thread.
            await desk.post(f"{path}close/", 200)
            await customer.writes("fourth", "Re: My invoice 77", "By the way, how do I log in?", asked["Message-ID"])
            await until(lambda: grown(desk, thread, 5))
            assert (await desk.get(path))["status"] == "closed"
            made = await desk.post(
                f"/v1/messages/threads/{thread}/fork/", to=[{"email": "carol@remote.test"}], subject="Logging in",
                text_body="By your address.", note="Split from the invoice",
                ticket={"class_label_key": SUPPORT, "priority": "low"},
            )  # fmt: skip
            forked = made["thread_id"]
            assert made["ticket"]["status"] == "open"
            links = (await desk.get(f"/v1/messages/threads/{thread}/links/"))["results"]
            assert [(each["thread_id"], each["kind"], each["subject"]) for each in links] == [
                (forked, "forked_to", "Logging in")
            ]
            told_of_it = await customer.reads()
            assert "In-Reply-To" not in told_of_it
            await customer.writes("fifth", "Re: Logging in", "Thanks.", told_of_it["Message-ID"])
            await until(lambda: grown(desk, forked, 2))
            assert [each["thread_id"] for each in await listed(desk, "open")] == [forked]
            assert [each["thread_id"] for each in await listed(desk, "closed")] == [thread]

            # Notes are the team's alone.
            notes = [each["body"] for each in await desk.get(f"/v1/messages/threads/{thread}/notes/")]
            assert notes == ["Mia, is 77 ours?", "The third line was taken off.", "Split from the invoice"]
            assert not any(b"Mia, is 77" in each.content for each in remote.messages)

            # The log, the customer's timeline and the webhooks tell the same story, in its order.
            events = (await desk.get("/v1/events/?limit=200"))["results"][::-1]
            story = [
                (each["type"], each["data"]["status"], each["data"]["cause"])
                for each in events
                if each["type"].startswith("ticket.") and each["data"]["thread_id"] == thread
            ]
            assert story == [
                ("ticket.opened", "open", "label"),
                ("ticket.updated", "open", "rule"),
                ("ticket.updated", "open", "request"),
                ("ticket.updated", "pending_sender", "mail"),
                ("ticket.updated", "open", "mail"),
                ("ticket.resolved", "resolved", "request"),
                ("ticket.reopened", "open", "mail"),
                ("ticket.closed", "closed", "request"),
            ]
            timeline = await until(lambda: activity(desk, 9))
            assert [kind for kind, about in timeline if about == thread] == [kind for kind, _, _ in story]
            assert [kind for kind, about in timeline if about == forked] == ["ticket.opened"]
            await until(lambda: heard(receiver, "ticket.opened", 2))
            for got in receiver.hooks:
                standardwebhooks.Webhook(hook["secret"]).verify(got.content, got.headers)
            sent = [got.json for got in receiver.hooks if got.json["type"].startswith("ticket.")]
            assert [each["type"] for each in sent if each["data"]["thread_id"] == thread] == [k for k, _, _ in story]
            assert {got.json["type"] for got in receiver.hooks} >= {"thread.note_added"}
            graph = await desk.get("/v1/relationships/")
            assert any(node.get("address") == "carol@remote.test" for node in graph["nodes"])


async def listed(desk, status):
    return (await desk.get(f"/v1/messages/threads/?ticket=true&status={status}"))["results"]


async def named_task(desk, summary):
    found = (await desk.get("/v1/tasks/?completed=false"))["results"]
    return [each for each in found if each["summary"] == summary]


async def grown(desk, thread, number):
    return len((await desk.get(f"/v1/messages/threads/{thread}/"))["email_ids"]) >= number


async def activity(desk, number):
    """Types and threads of what the customer's timeline has of tickets, oldest first."""
    found = (await desk.get("/v1/activity/?address=carol@remote.test"))["events"]
    told = [(each["type"], each["metadata"]["thread_id"]) for each in found if each["type"].startswith("ticket.")]
    return told[::-1] if len(told) >= number else None


async def heard(receiver, kind, number):
    return sum(got.json["type"] == kind for got in receiver.hooks) >= number
