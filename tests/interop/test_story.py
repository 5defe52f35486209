"""The story that the appliance exists for, with other vendors' programs on the other side.

knot serves the zones, Postfix is the outside world with mailboxes for remote.test, OpenDKIM judges our signatures,
smtplib and swaks are mail clients, mutt shows the thread.
"""

import asyncio
import base64
import contextlib
import email
import email.policy
import json
import os
import shutil
import smtplib
import ssl
import subprocess
import time
from email.message import EmailMessage

import aiohttp
import pytest
from authres import AuthenticationResultsHeader
from scramp import ScramClient

from tests.support import knot, opendkim, postfix
from tests.support.knot import Knot
from tests.support.opendkim import OpenDkim
from tests.support.ports import free_port
from tests.support.postfix import Postfix
from tests.support.server import PASSWORD, CommandFailed, Server, environment
from tests.support.waiting import LONGEST_SECONDS, until

MISSING = knot.missing() or postfix.missing() or opendkim.missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 20_480
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
REMOTE = "mx 60 A 127.0.0.1\n@ 60 MX 10 mx.remote.test.\n"


class World:
    """The appliance and everybody around it."""

    def __init__(self, server, outside, names):
        self.server, self.outside, self.names = server, outside, names

    def inbox(self, user="bob"):
        return [email.message_from_bytes(raw, policy=email.policy.default) for raw in self.outside.delivered(user)]

    async def arrived(self, question, user="bob"):
        return await until(lambda: next((m for m in self.inbox(user) if question(m)), None))

    def from_outside(self, message, sender="bob@remote.test", to="agent@local.test"):
        with smtplib.SMTP("127.0.0.1", self.outside.port, timeout=60) as client:
            client.sendmail(sender, [to], octets(message))


@pytest.fixture
async def world(tmp_path):
    smtp_port, outside_port = free_port(), free_port()
    server = Server(
        tmp_path / "appliance",
        environment(
            tmp_path / "appliance",
            smtp__mx_listen=[f"127.0.0.1:{smtp_port}"],
            queue__remote_port=outside_port,
            queue__retry_seconds=[2, 2, 3],
        ),
    )
    server.directory.mkdir()
    await server.bootstrap()
    records = await server.command("dns", "show", "local.test")
    local = "mail 60 A 127.0.0.1\n" + "".join(zone_line(record) for record in records)
    async with contextlib.AsyncExitStack() as stack:
        zones = {"local.test": local, "remote.test": REMOTE}
        names = await stack.enter_async_context(Knot(tmp_path / "knot", zones))
        server.environment["MAILSERVER_DNS__NAMESERVERS"] = json.dumps([names.address])
        verifier = await stack.enter_async_context(OpenDkim(tmp_path / "opendkim", names.address, [*zones]))
        outside = Postfix(tmp_path / "postfix", outside_settings(tmp_path, smtp_port, verifier), port=outside_port)
        (tmp_path / "postfix").mkdir()
        (tmp_path / "postfix" / "boxes").write_text("bob@remote.test bob/\ncarol@remote.test carol/\n")
        await stack.enter_async_context(outside)
        await server.start()
        stack.push_async_callback(server.stop)
        yield World(server, outside, names)


def outside_settings(tmp_path, smtp_port, verifier):
    boxes = tmp_path / "postfix" / "boxes"
    return {
        "virtual_mailbox_domains": "remote.test",
        "virtual_mailbox_maps": f"texthash:{boxes}",
        "virtual_mailbox_base": str(tmp_path / "postfix" / "mail"),
        "virtual_uid_maps": "static:65534",
        "virtual_gid_maps": "static:65534",
        "transport_maps": f"inline:{{local.test=smtp:[127.0.0.1]:{smtp_port}}}",
        "smtpd_milters": verifier.milter,
        "milter_default_action": "tempfail",
        "smtpd_recipient_restrictions": "permit_mynetworks,reject",
    }


def zone_line(record):
    name, value = record["name"], record["value"]
    if record["type"] == "TXT":
        value = " ".join(f'"{value[start : start + 250]}"' for start in range(0, len(value), 250))
    return f"{name}. 60 {record['type']} {value}\n"


def octets(message):
    return message.as_bytes(policy=email.policy.SMTP)


def letter(subject="Angebot für die Brücke: grün"):
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = "Bob Builder <bob@remote.test>"
    message["To"] = "agent@local.test"
    message["Subject"] = subject
    message["Message-ID"] = "<offer-1@remote.test>"
    message["Date"] = "Sat, 21 Nov 2026 09:00:00 +0100"
    message.set_content("Guten Tag,\n\nanbei das Angebot.\n")
    message.add_alternative('<p>Guten Tag, <img src="cid:logo"></p>', subtype="html")
    message.get_payload()[1].add_related(PNG, "image", "png", cid="<logo>", filename="logo.png", disposition="inline")
    message.add_attachment(PDF, "application", "pdf", filename="angebot.pdf")
    return message


async def listed(gent, **query):
    async with gent.get("/v1/messages/", params=query) as answer:
        return (await answer.json())["results"]


async def test_mail_comes_in_is_read_on_both_faces_and_answered_to_the_world(world):
    message = letter()
    await asyncio.to_thread(world.from_outside, message)
    async with world.server.session() as gent, world.server.session(world.server.account["api_key"]) as agentry:
        (row,) = await until(lambda: listed(gent, folder="inbox"))
        (item,) = (await (await agentry.get("/agent/v0/messages")).json())["messages"]
        assert row["subject"] == item["subject"] == "Angebot für die Brücke: grün"
        assert row["thread_id"] == item["thread_id"]
        assert row["size"] == item["size"] > len(PDF)
        assert item["preview"].startswith("Guten Tag,")
        shown = await (await gent.get(f"/v1/messages/{row['id']}/")).json()
        assert (
            [(a["name"], a["size"]) for a in shown["attachments"]]
            == [(a["filename"], a["size"]) for a in item["attachments"]]
            == [("logo.png", len(PNG)), ("angebot.pdf", len(PDF))]
        )
        assert [a["content_disposition"] for a in item["attachments"]] == ["inline", "attachment"]
        raw = await (await agentry.get(f"/agent/v0/messages/{item['message_id']}/raw")).json()
        link = raw["download_url"].replace("https://mail.local.test", world.server.http)
        whole = await (await gent.get(link)).read()
        assert len(whole) == row["size"]
        parsed = email.message_from_bytes(whole, policy=email.policy.SMTP)
        assert [name for name in parsed if name not in ("Authentication-Results", "X-Spam-Status")][:5] == [
            "Return-Path", "Delivered-To", "Received", "Received", "From",
        ]  # fmt: skip
        assert whole.endswith(octets(message))

        uploaded = await (await gent.post("/v1/messages/upload/", data=form("antwort.txt", b"Einverstanden.\n"))).json()
        answer = await gent.post(
            "/v1/messages/",
            json={
                "reply_to_message_id": row["id"],
                "text_body": "Danke, Bob. Wir nehmen es an.",
                "attachments": [{"blob_id": uploaded["blob_id"]}],
            },
        )
        assert answer.status == 201, await answer.text()
        sent = await answer.json()
        assert sent["thread_id"] == row["thread_id"]
        arrived = await world.arrived(lambda m: "Danke, Bob." in body(m))
        assert arrived["Subject"] == "Re: Angebot für die Brücke: grün"
        assert arrived["In-Reply-To"] == "<offer-1@remote.test>"
        assert arrived["References"] == "<offer-1@remote.test>"
        (attachment,) = arrived.iter_attachments()
        assert attachment.get_filename() == "antwort.txt"
        assert attachment.get_content() == "Einverstanden.\n"
        assert len(arrived.get_all("DKIM-Signature")) == 2
        (judged,) = [str(value) for value in arrived.get_all("Authentication-Results") if "verifier.test" in str(value)]
        verdicts = AuthenticationResultsHeader.parse(f"Authentication-Results: {judged}").results
        passed = [one.properties for one in verdicts if (one.method, one.result) == ("dkim", "pass")]
        assert len(passed) == 2, judged
        thread = await (await gent.get(f"/v1/messages/threads/{row['thread_id']}/")).json()
        assert len(thread["email_ids"]) == 2
        back = EmailMessage(policy=email.policy.SMTP)
        back["From"], back["To"], back["Subject"] = "bob@remote.test", "agent@local.test", arrived["Subject"]
        back["References"] = f"{arrived['References']} {arrived['Message-ID']}"
        back["In-Reply-To"] = arrived["Message-ID"]
        back.set_content("Fein.\n")
        await asyncio.to_thread(world.from_outside, back)

        async def three():
            members = await (await gent.get(f"/v1/messages/threads/{row['thread_id']}/")).json()
            return len(members["email_ids"]) == 3

        await until(three)


def form(name, content):
    data = aiohttp.FormData()
    data.add_field("file", content, filename=name)
    return data


def body(message):
    part = message.get_body(("plain", "html"))
    return part.get_content() if part else ""


@pytest.mark.skipif(not shutil.which("mutt"), reason="mutt is not installed")
async def test_mutt_threads_our_answer_below_the_original(world, tmp_path):
    await asyncio.to_thread(world.from_outside, letter("one thread"))
    async with world.server.session() as gent:
        (row,) = await until(lambda: listed(gent, folder="inbox"))
        form_ = {"reply_to_message_id": row["id"], "text_body": "Below it."}
        assert (await gent.post("/v1/messages/", json=form_)).status == 201
    arrived = await world.arrived(lambda m: "Below it." in body(m))
    box = tmp_path / "thread"
    for name in ("cur", "new", "tmp"):
        (box / name).mkdir(parents=True)
    (box / "cur" / "1:2,S").write_bytes(octets(letter("one thread")))
    (box / "cur" / "2:2,S").write_bytes(arrived.as_bytes())
    script = tmp_path / "muttrc"
    script.write_text(
        "set sort=threads\nset index_format='%s'\nset uncollapse_jump=no\nset strict_threads=yes\n"
        f"set mbox_type=Maildir\nset folder={tmp_path}\nset check_new=no\n"
    )
    shown = await asyncio.to_thread(mutt_index, script, box)
    assert is_threaded(shown), shown


def is_threaded(shown):
    """Whether there is the arrow of a reply: mutt hangs it below the original by References."""
    return "└─>" in shown or "`->" in shown


def mutt_index(script, box):
    """The index as mutt draws it on a terminal."""
    if not shutil.which("tmux"):
        command = [
            "script",
            "-qec",
            f"stty cols 100 rows 30; TERM=vt100 mutt -F {script} -f {box} -R -e 'push q'",
            "/dev/null",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "TERM": "vt100"})
        return done.stdout
    tmux = ("tmux", "-L", f"mutt{os.getpid()}")  # a server of its own
    command = f"mutt -F {script} -f {box} -R"
    subprocess.run([*tmux, "new-session", "-d", "-x", "100", "-y", "30", "-s", "mutt", command], check=True)
    try:
        deadline, shown = time.monotonic() + LONGEST_SECONDS, ""
        while not is_threaded(shown) and time.monotonic() < deadline:  # it draws line by line
            time.sleep(0.05)
            shown = subprocess.run([*tmux, "capture-pane", "-p", "-t", "mutt"], capture_output=True, text=True).stdout
        return shown
    finally:
        subprocess.run([*tmux, "kill-server"])


def scram_login(client, user, password):
    """AUTH SCRAM-SHA-256 as a mail client does it."""
    scram = ScramClient(["SCRAM-SHA-256"], user, password)
    code, challenge = client.docmd(
        "AUTH", "SCRAM-SHA-256 " + base64.b64encode(scram.get_client_first().encode()).decode()
    )
    assert code == 334, challenge
    scram.set_server_first(base64.b64decode(challenge).decode())
    code, challenge = client.docmd(base64.b64encode(scram.get_client_final().encode()).decode())
    assert code == 334, challenge
    scram.set_server_final(base64.b64decode(challenge).decode())
    code, answer = client.docmd("")
    assert code == 235, answer


async def test_mail_clients_submit_by_587_and_465_and_nobody_sends_as_another(world):
    def note(subject, sender="agent@local.test"):
        message = EmailMessage(policy=email.policy.SMTP)
        message["From"], message["To"], message["Subject"] = sender, "carol@remote.test", subject
        message.set_content("By a mail client.\n")
        return octets(message)

    def starttls():
        with smtplib.SMTP(*world.server.submission, timeout=60) as client:
            client.starttls()
            client.ehlo()
            scram_login(client, "agent@local.test", PASSWORD)
            client.sendmail("agent@local.test", ["carol@remote.test"], note("by scram"))
            with pytest.raises(smtplib.SMTPDataError) as refused:
                client.sendmail("agent@local.test", ["carol@remote.test"], note("foreign", "boss@local.test"))
            assert refused.value.smtp_code == 550
            with pytest.raises(smtplib.SMTPSenderRefused):
                client.sendmail("boss@local.test", ["carol@remote.test"], note("foreign"))

    def implicit():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP_SSL(*world.server.submissions, timeout=60, context=context) as client:
            client.ehlo()
            client.user, client.password = "agent@local.test", PASSWORD
            client.auth("PLAIN", client.auth_plain)
            client.sendmail("agent@local.test", ["carol@remote.test"], note("by plain"))

    await asyncio.to_thread(starttls)
    await asyncio.to_thread(implicit)
    for subject in ("by scram", "by plain"):
        arrived = await world.arrived(lambda m, subject=subject: m["Subject"] == subject, "carol")
        assert str(arrived["Return-Path"]).startswith("<b+")
        assert "127.0.0.1" not in str(arrived.get_all("Received")[-1])
    assert not [m for m in world.inbox("carol") if m["Subject"] == "foreign"]


async def test_an_unknown_recipient_bounces_is_suppressed_and_skipped_the_next_time(world):
    async with world.server.session() as gent:
        form_ = {"to": [{"email": "nobody@remote.test"}], "subject": "anyone?", "text_body": "Hello?"}
        first = await gent.post("/v1/messages/", json=form_)
        assert first.status == 201

        async def suppressed():
            return await (await gent.get("/v1/messages/suppressed/")).json()

        (entry,) = await until(suppressed)
        assert entry["address"] == "nobody@remote.test"
        assert entry["reason"] == "hard_bounce"
        rows = await world.server.command("queue", "list", "--all")
        (failed,) = [row for row in rows if row["state"] == "failed"]
        assert failed["last_reply"].startswith("550 5.1.1")
        second = await gent.post("/v1/messages/", json={**form_, "cc": [{"email": "bob@remote.test"}]})
        assert (await second.json())["suppressed"] == ["nobody@remote.test"]
        await world.arrived(lambda m: m["Subject"] == "anyone?")
        removed = await gent.delete("/v1/messages/suppressed/", json={"address": "nobody@remote.test"})
        assert removed.status == 204
        assert await suppressed() == []


async def test_mail_waits_while_the_remote_server_is_away_and_arrives_exactly_once(world):
    await asyncio.to_thread(world.outside.stop)
    async with world.server.session() as gent:
        form_ = {"to": [{"email": "bob@remote.test"}], "subject": "patience", "text_body": "I can wait."}
        assert (await gent.post("/v1/messages/", json=form_)).status == 201

    async def refused():
        rows = await world.server.command("queue", "list")
        return rows if rows and rows[0]["last_reply"] else None

    (row,) = await until(refused)
    assert row["state"] == "queued"
    assert "refused" in row["last_reply"].lower()
    assert row["next_attempt_at"] > row["created_at"]
    await asyncio.sleep(1)
    await asyncio.to_thread(world.outside.start)
    await world.arrived(lambda m: m["Subject"] == "patience")
    await asyncio.sleep(1.5)  # nothing more follows
    assert len([m for m in world.inbox() if m["Subject"] == "patience"]) == 1
    await until(lambda: is_empty(world))
    with pytest.raises(CommandFailed):
        await world.server.command("queue", "show", "dlv_nothing")


async def is_empty(world):
    """Whether nothing is queued any more: the outcome is written down behind the delivery."""
    return await world.server.command("queue", "list") == []
