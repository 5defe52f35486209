"""One message's life over HTTP: received, listed on both faces, answered, moved, deleted."""

import asyncio
import smtplib
from email.message import EmailMessage

import pytest

from tests.support.server import PASSWORD, running_server
from tests.support.waiting import until


def compose(subject="Grüße aus Köln", **fields):
    message = EmailMessage()
    message["From"] = "Alice <alice@elsewhere.test>"
    message["To"] = "agent@local.test"
    message["Subject"] = subject
    message["Message-ID"] = "<one@elsewhere.test>"
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content("Hello there.\n")
    message.add_alternative("<p>Hello <b>there</b>.</p>", subtype="html")
    message.add_attachment(b"%PDF-1.4 " + bytes(range(256)) * 50, "application", "pdf", filename="röport.pdf")
    return message


def deliver(server, message, sender="alice@elsewhere.test", to=("agent@local.test",)):
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.sendmail(sender, list(to), message.as_bytes(policy=message.policy.clone(linesep="\r\n")))


async def listed(client, **query):
    async with client.get("/v1/messages/", params=query) as answer:
        assert answer.status == 200, await answer.text()
        return (await answer.json())["results"]


@pytest.fixture
async def server(tmp_path):
    async with running_server(tmp_path) as running:
        yield running


async def test_a_received_message_is_the_same_on_both_faces_and_raw(server):
    message = compose()
    await asyncio.to_thread(deliver, server, message)
    async with server.session() as gent, server.session(server.account["api_key"]) as agentry:
        (row,) = await until(lambda: listed(gent, folder="inbox"))
        assert row["subject"] == "Grüße aus Köln"
        assert row["from"] == [{"email": "alice@elsewhere.test", "name": "Alice"}]
        assert row["flags"] == {"read": False, "starred": False}
        shown = await (await gent.get(f"/v1/messages/{row['id']}/")).json()
        assert shown["text_body"].strip() == "Hello there."
        assert shown["html_body"].strip() == "<p>Hello <b>there</b>.</p>"
        (attachment,) = shown["attachments"]
        assert attachment["name"] == "röport.pdf"
        assert attachment["type"] == "application/pdf"
        assert attachment["size"] == 12809

        page = await (await agentry.get("/agent/v0/messages")).json()
        (item,) = page["messages"]
        assert item["thread_id"] == row["thread_id"]
        assert item["size"] == row["size"]
        assert item["message_id"] == "<one@elsewhere.test>"
        assert item["labels"] == ["received", "unread", "unauthenticated"]
        assert item["attachments"][0]["size"] == attachment["size"]
        raw = await (await agentry.get(f"/agent/v0/messages/{row['id']}/raw")).json()
        link = raw["download_url"].replace("https://mail.local.test", server.http)
        async with gent.get(link, headers={"Authorization": ""}) as answer:
            octets = await answer.read()
        assert len(octets) == raw["size"] == row["size"]
        assert octets.endswith(message.as_bytes(policy=message.policy.clone(linesep="\r\n")))
        async with gent.get(f"/v1/messages/blobs/{attachment['blob_id']}/", headers={"Range": "bytes=0-7"}) as answer:
            assert answer.status == 206
            assert await answer.read() == b"%PDF-1.4"


async def test_a_reply_threads_and_arrives_and_a_repeated_call_sends_nothing_more(server):
    await asyncio.to_thread(deliver, server, compose())
    async with server.session() as gent:
        (row,) = await until(lambda: listed(gent, folder="inbox"))
        form = {"reply_to_message_id": row["id"], "text_body": "Thank you.", "to": [{"email": "agent@local.test"}]}
        headers = {"Idempotency-Key": "once"}
        first = await gent.post("/v1/messages/", json=form, headers=headers)
        assert first.status == 201, await first.text()
        again = await gent.post("/v1/messages/", json=form, headers=headers)
        assert await again.json() == await first.json()
        other = await gent.post("/v1/messages/", json={**form, "text_body": "Else."}, headers=headers)
        assert other.status == 409
        sent = await first.json()
        assert sent["thread_id"] == row["thread_id"]
        rows = await until(lambda: two(gent))
        assert {each["thread_id"] for each in rows} == {row["thread_id"]}
        thread = await (await gent.get(f"/v1/messages/threads/{row['thread_id']}/")).json()
        assert len(thread["email_ids"]) == 3
        assert len(await listed(gent, folder="sent")) == 1


async def two(client):
    rows = await listed(client, folder="inbox")
    return rows if len(rows) == 2 else None


async def test_flags_folders_and_deletion_keep_the_counts(server):
    for number in range(3):
        await asyncio.to_thread(deliver, server, compose(f"number {number}"))
    async with server.session() as gent:

        async def three():
            rows = await listed(gent, folder="inbox")
            return rows if len(rows) == 3 else None

        rows = await until(three)
        folders = await counted(gent)
        assert folders["inbox"] == (3, 3)
        identity = rows[0]["id"]
        archive = await folder_id(gent, "archive")
        answer = await gent.patch(f"/v1/messages/{identity}/", json={"mark_read": True, "mark_starred": True})
        assert answer.status == 204
        answer = await gent.patch(f"/v1/messages/{identity}/", json={"mailbox_id": archive})
        assert answer.status == 204
        folders = await counted(gent)
        assert folders["inbox"] == (2, 2)
        assert folders["archive"] == (1, 0)
        assert (await gent.delete(f"/v1/messages/{identity}/")).status == 204
        assert (await counted(gent))["trash"] == (1, 0)
        assert (await gent.delete(f"/v1/messages/{identity}/")).status == 204
        assert (await counted(gent))["trash"] == (0, 0)
        assert (await gent.get(f"/v1/messages/{identity}/")).status == 404
    answer = await server.command("verify")
    assert answer["ok"], answer


async def counted(client):
    rows = await (await client.get("/v1/messages/folders/")).json()
    return {row["role"]: (row["totalEmails"], row["unreadEmails"]) for row in rows}


async def folder_id(client, role):
    rows = await (await client.get("/v1/folders/")).json()
    return next(row["id"] for row in rows if row["role"] == role)


async def test_submission_stores_a_sent_copy_without_bcc(server):
    message = compose("from a mail client", Bcc="secret@local.test")
    message.replace_header("From", "agent@local.test")
    del message["Message-ID"]

    def submit():
        with smtplib.SMTP(*server.submission, timeout=60) as client:
            client.starttls()
            client.login("agent@local.test", PASSWORD)
            raw = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
            client.sendmail("agent@local.test", ["agent@local.test"], raw)

    await asyncio.to_thread(submit)
    async with server.session() as gent, server.session(server.account["api_key"]) as agentry:
        (row,) = await until(lambda: listed(gent, folder="inbox"))
        raw = await (await agentry.get(f"/agent/v0/messages/{row['id']}/raw")).json()
        octets = await (await gent.get(raw["download_url"].replace("https://mail.local.test", server.http))).read()
        assert b"secret@local.test" not in octets
        assert octets.lower().count(b"\r\nmessage-id:") == 1
        assert b"127.0.0.1" not in octets
        assert len(await listed(gent, folder="sent")) == 1


async def test_a_message_that_cannot_be_parsed_is_stored_listed_and_downloadable(server):
    garbage = (
        b"From: \xff\xfe\r\nSubject: =?utf-8?b?!!!?=\r\nContent-Type: multipart/mixed; boundary=\r\n\r\n--\r\n\x80\r\n"
    )

    def deliver_garbage():
        with smtplib.SMTP(*server.smtp, timeout=60) as client:
            client.ehlo()
            client.sendmail("alice@elsewhere.test", ["agent@local.test"], garbage, mail_options=["BODY=8BITMIME"])

    await asyncio.to_thread(deliver_garbage)
    async with server.session() as gent, server.session(server.account["api_key"]) as agentry:
        (row,) = await until(lambda: listed(gent, folder="inbox"))
        assert (await gent.get(f"/v1/messages/{row['id']}/")).status == 200
        raw = await (await agentry.get(f"/agent/v0/messages/{row['id']}/raw")).json()
        octets = await (await gent.get(raw["download_url"].replace("https://mail.local.test", server.http))).read()
        assert octets.endswith(garbage)
