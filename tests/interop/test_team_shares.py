"""What a team shares, on a real appliance: contacts, notes, templates and a list that mail comes to by SMTP."""

import asyncio
import smtplib

import pytest

from tests.support.person import Person
from tests.support.server import PASSWORD, running_server
from tests.support.waiting import until


def mail(server, number, sender, to, *fields):
    lines = [
        f"From: <{sender}>", f"To: {', '.join(to)}", f"Subject: Number {number}", f"Message-ID: <{number}@remote.test>",
        *fields, "", "Hello.", "",
    ]  # fmt: skip
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.sendmail(sender, list(to), "\r\n".join(lines))


async def inbox(person, number):
    async def there():
        rows = (await person.get("/v1/messages/?folder=inbox"))["results"]
        return [row for row in rows if row["subject"] == f"Number {number}"]

    return await until(there)


async def test_a_team_shares_what_it_has(tmp_path):
    async with running_server(tmp_path) as server, server.session("nobody") as nobody:
        asked = {"email": "agent@local.test", "password": PASSWORD}
        login = await (await nobody.post("/auth/login/", json=asked)).json()
        async with server.session(login["access_token"]) as client:
            owner = Person(client)
            ids = {}
            for name in ("sales", "service"):
                ids[name] = (await owner.post("/v1/inboxes/", address=f"{name}@local.test"))["inbox_id"]
            scopes = [
                "email:read", "email:write", "contacts:read", "contacts:write", "task:read", "context:read",
                "context:write",
            ]  # fmt: skip
            tokens = {
                name: (await owner.post("/v1/tokens/", inbox_id=ids[name], label=name, scopes=scopes))["token"]
                for name in ids
            }
            async with server.session(tokens["sales"]) as one, server.session(tokens["service"]) as other:
                await share(Person(one), Person(other), ids)
                await write_to_the_list(server, owner, Person(one), Person(other), ids)
                template = await owner.post(
                    "/v1/templates/", name="Thanks", subject="Thank you, {first_name}", body="Dear {first_name}, {more}"
                )
                filled = await Person(one).post(
                    f"/v1/templates/{template['template_id']}/", 200, context={"first_name": "Carol"}
                )
                assert filled == {"subject": "Thank you, Carol", "body": "Dear Carol, {more}"}
                await Person(one).post("/v1/templates/", 403, name="Mine")


async def share(sales, service, ids):
    """A contact is asked for, given, and handed over with what was promised."""
    asked = await service.post(
        "/v1/contacts/shares/", type="request", to_inbox_id=ids["sales"], contact_address="carol@remote.test",
        note="She called", labels=["vip"],
    )  # fmt: skip
    (waiting,) = await sales.get("/v1/contacts/shares/")
    assert waiting["parameters"] == {"note": "She called", "labels": ["vip"]}
    tasks = (await sales.get("/v1/tasks/?completed=false"))["results"]
    assert [each["share_id"] for each in tasks] == [asked["share_id"]]
    accept = f"/v1/contacts/shares/{asked['share_id']}/accept/"
    await sales.post(accept, 409)  # nobody knows her yet
    card = await sales.post("/v1/contacts/", full_name="Carol", emails=[{"address": "carol@remote.test"}])
    assert (await sales.post(accept, 200))["status"] == "accepted"
    (copy,) = (await service.get("/v1/contacts/"))["results"]
    graph = await service.get("/v1/relationships/")
    assert copy["id"] in {node["contact_id"] for node in graph["nodes"]}
    await sales.post("/v1/commitments/", contact_id=card["id"], text="Send the offer", owner="us")
    done = await sales.post(f"/v1/contacts/{card['id']}/handoff/", 200, to_inbox_id=ids["service"], note="Yours now")
    assert done == {"contact_id": copy["id"]}
    (moved,) = (await service.get("/v1/commitments/?status=open"))["results"]
    assert moved["text"] == "Send the offer"


async def write_to_the_list(server, owner, sales, service, ids):
    """Mail to the list reaches each member once; a note on it stays in the house and finds the colleague."""
    made = await owner.post("/v1/distribution-lists/", address="team@local.test", name="Team")
    for name in ids:
        await owner.post(f"/v1/distribution-lists/{made['list_id']}/members/", inbox_id=ids[name])
    await asyncio.to_thread(mail, server, 1, "carol@remote.test", ["team@local.test", "sales@local.test"])
    rows = [await inbox(person, 1) for person in (sales, service)]
    assert [len(each) for each in rows] == [1, 1]
    with pytest.raises(smtplib.SMTPDataError) as refused:
        await asyncio.to_thread(
            mail, server, 2, "carol@remote.test", ["team@local.test"], "List-Id: Team <team.local.test>"
        )
    assert refused.value.smtp_code == 554
    path = f"/v1/messages/threads/{rows[0][0]['thread_id']}/"
    await sales.post(f"{path}notes/", body="Yours, @service@local.test?", mentions=["service@local.test"])
    await sales.post(f"{path}assign/", 200, to="service@local.test", note="Please")
    agenda = (await service.get("/v1/agenda/"))["results"]
    titles = [each["title"] for each in agenda if each["pending"]]
    assert {"[Mentioned] Number 1", "[Assigned] Number 1"} <= set(titles)
    await service.ask("GET", f"{path}notes/", 404)  # the thread is of another inbox
