"""A newsletter and what comes back: by SMTP from those who refuse, bounce and complain, by HTTP from those who read.

The appliance is its own process; the recipients' server, their programs and their providers are strangers to it.
"""

import asyncio
import re
import smtplib
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.remote import Remote
from tests.support.server import Server, environment
from tests.support.zone import NameServer

pytestmark = pytest.mark.timeout(600)
ZONE = (
    "@ 60 SOA ns.test. x. 1 60 60 60 60\n@ 60 NS ns.test.\nns 60 A 127.0.0.1\n"
    "remote 60 MX 10 mx.remote\nmx.remote 60 A 127.0.0.1\n"
)
BASE = "http://mail.local.test"
KINDS = ("hard", "policy", "late", "spam", "leaves")  # each a fiftieth; all others are content
HTML = (
    '<p>Dear {first_name}, <a href="https://shop.test/?a=1&amp;b=2">read</a> or '
    '<a href="mailto:x@y.test">write</a>.</p>'
)
SENDING_SECONDS = 200  # a tenth of it where nothing else runs
AT_STAKE = 20  # what the queue may have handed over when it dies, and not written down yet
DSN = (
    "From: MAILER-DAEMON@remote.test\r\nTo: <{to}>\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    "Reporting-MTA: dns; mx.remote.test\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: failed\r\n"
    "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b--\r\n"
)
ARF = (
    "From: fbl@remote.test\r\nTo: <{to}>\r\nSubject: Complaint\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\nSpam.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n"
    "Feedback-Type: abuse\r\nUser-Agent: test/1\r\nVersion: 1\r\nOriginal-Mail-From: <{sender}>\r\n"
    "Original-Rcpt-To: <{recipient}>\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{original}\r\n--b--\r\n"
)


def address(number: int) -> str:
    kind = KINDS[number % 50] if number % 50 < len(KINDS) else "reader"
    return f"{kind}{number}@remote.test"


@asynccontextmanager
async def world(directory: Path, people: int):
    """The appliance with a label on so many contacts, and the server that they are all at."""
    async with Remote() as remote, NameServer("test.", ZONE) as names:
        remote.answers("RCPT TO:<hard", "550 5.1.1 no such user", always=True)
        remote.answers("RCPT TO:<policy", "550 5.7.1 refused by policy", always=True)
        server = Server(
            directory,
            environment(
                directory, queue__remote_port=remote.port, http__public_url=BASE,
                dns__nameservers=[f"127.0.0.1:{names.port}"], limits__request_bytes=2_000_000,
            ),
        )  # fmt: skip
        directory.mkdir()
        await server.bootstrap()
        await server.start()
        async with server.session() as client:
            yield server, remote, client, await labelled(client, people)
        await server.stop()


async def labelled(client, people: int) -> str:
    rows = "".join(f"Person{number} Test,{address(number)}\n" for number in range(people))
    for start in range(0, people, 1000):
        some = "".join(f"{row}\n" for row in rows.splitlines()[start : start + 1000])
        async with client.post(
            "/v1/contacts/import/", json={"format": "csv", "content": f"name,email\n{some}"}
        ) as answer:
            assert answer.status in (200, 201), await answer.text()
    async with client.post("/v1/labels/", json={"name": "Newsletter", "type": "contact"}) as answer:
        label_id = (await answer.json())["label_id"]
    found: list[str] = []
    while len(found) < people:
        async with client.get("/v1/contacts/", params={"limit": "200", "position": str(len(found))}) as answer:
            found += [each["id"] for each in (await answer.json())["results"]]
    gate = asyncio.Semaphore(30)

    async def put(contact_id: str) -> None:
        body = {"entity_type": "contact", "entity_id": contact_id}
        async with gate, client.post(f"/v1/context/{label_id}/entities/", json=body) as answer:
            assert answer.status == 201, await answer.text()

    await asyncio.gather(*map(put, found))
    return label_id


async def send(client, label_id: str) -> str:
    body = {"label_id": label_id, "subject": "News, {first_name}", "text_body": "Hello {full_name}", "html_body": HTML}
    async with client.post("/v1/messages/broadcast/", json=body) as answer:
        assert answer.status == 202, await answer.text()
        made = await answer.json()
    assert (made["queued"], made["label_name"]) == (True, "Newsletter")
    return str(made["broadcast_id"])


async def status(client, broadcast_id: str):
    async with client.get(f"/v1/messages/broadcasts/{broadcast_id}/") as answer:
        assert answer.status == 200
        return await answer.json()


async def until(client, broadcast_id: str, seconds: float, **wanted):
    """Wait for counts."""
    async with asyncio.timeout(seconds):
        while True:
            shown = await status(client, broadcast_id)
            if {name: shown[name] for name in wanted} == wanted:
                return shown
            await asyncio.sleep(0.1)


def recipient(message) -> str:
    (one,) = message.recipients
    return re.search(r"<([^>]+)>", one)[1]


def sender(message) -> str:
    return re.search(r"<([^>]+)>", message.mail)[1]


def plain(message) -> str:
    """The letter without the line breaks that its encodings have put into it."""
    return message.content.decode().replace("=\r\n", "").replace("=3D", "=").replace("\r\n ", " ")


def memory(pid: int) -> int:
    """The most that a process has ever held, in MiB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) // 1024


def report(server, letters) -> None:
    """Letters come back by port 25: (sender, recipient, text) each."""
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        for mail_from, to, text in letters:
            client.sendmail(mail_from, [to], text)


async def read(server, urls, method="GET", **more):
    """Ask for addresses of letters, as the programs of many readers do."""
    gate = asyncio.Semaphore(20)
    async with server.session("nobody") as client:

        async def one(url: str):
            path = url.removeprefix(BASE)
            async with (
                gate,
                client.request(method, path, allow_redirects=False, headers={"Authorization": ""}, **more) as answer,
            ):
                return answer.status, answer.headers.get("Location")

        return await asyncio.gather(*map(one, urls))


async def test_a_newsletter_to_five_thousand_and_everything_that_comes_back(tmp_path, record_property):
    people = 5000
    each = people // 50
    async with world(tmp_path / "appliance", people) as (server, remote, client, label_id):
        before = memory(server.pid)
        started = time.monotonic()
        first = await send(client, label_id)
        shown = await until(client, first, SENDING_SECONDS, status="completed")
        took = time.monotonic() - started
        held = memory(server.pid)
        print(f"{people} in {took:.1f} s; {before} MiB before, {held} MiB at most")
        record_property("seconds", round(took, 1))
        record_property("mib", held - before)
        assert held - before < 100

        # Everybody has it once, as their own.
        got = Counter(recipient(message) for message in remote.messages)
        assert set(got.values()) == {1}
        assert len(got) == people - 2 * each
        ids = {re.search(rb"Message-ID: (\S+)", message.content)[1] for message in remote.messages}
        assert len(ids) == len(remote.messages)
        assert (shown["sent_count"], shown["delivered_count"], shown["bounced_count"]) == (
            people, people - 2 * each, 2 * each,
        )  # fmt: skip
        signed = re.search(r"\bh=([^;]+);", plain(remote.messages[0]).replace("\r\n\t", ""))[1].lower()
        names = [name.strip() for name in signed.split(":")]
        assert names.count("list-unsubscribe") == names.count("list-unsubscribe-post") == 2  # RFC 8058 4
        by_kind: dict[str, list] = {kind: [] for kind in (*KINDS, "reader")}
        for message in remote.messages:
            by_kind[re.match(r"[a-z]+", recipient(message))[0]].append(message)

        # Bounces that come late, and complaints: each twice, as some servers send them.
        letters = [("", sender(one), DSN.format(to=sender(one), recipient=recipient(one))) for one in by_kind["late"]]
        letters += [
            ("fbl@remote.test", "agent@local.test", ARF.format(
                to="agent@local.test", sender=sender(one), recipient=recipient(one),
                original=one.content.decode().partition("\r\n\r\n")[0],
            ))
            for one in by_kind["spam"]
        ]  # fmt: skip
        await asyncio.to_thread(report, server, letters * 2)

        # Readers: pictures, links, and those who leave.
        readers = [plain(one) for one in by_kind["reader"][:1000]]
        pictures = [re.search(rf"{BASE}/v1/track/open/[\w-]+/[\w-]+/", text)[0] for text in readers]
        assert len(set(pictures)) == len(pictures)
        assert set(await read(server, pictures * 2)) == {(200, None)}
        clicks = [re.search(rf"{BASE}/v1/track/click/[\w-]+/", text)[0] for text in readers[:500]]
        assert set(await read(server, clicks)) == {(302, "https://shop.test/?a=1&b=2")}
        forged = pictures[0][:-3] + ("A/" if pictures[0][-3] != "A" else "B/")
        assert set(await read(server, [forged])) == {(200, None)}
        assert set(await read(server, [f"{BASE}/v1/track/click/00000000-0000-4000-8000-000000000000/"])) == {
            (404, None)
        }
        leaving = [re.search(r"List-Unsubscribe: <([^>]+)>", plain(one))[1] for one in by_kind["leaves"]]
        assert set(await read(server, leaving)) == {(200, None)}  # looking changes nothing
        form = {"List-Unsubscribe": "One-Click"}
        assert set(await read(server, leaving * 2, "POST", data=form)) == {(200, None)}

        await until(
            client, first, 60, sent_count=people, delivered_count=people - 3 * each, bounced_count=3 * each,
            spam_complaint_count=each, open_count=2000, click_count=500, suppressed_count=0,
        )  # fmt: skip
        found = Counter()
        async with client.get("/v1/messages/suppressed/") as answer:
            for row in await answer.json():
                found[row["reason"], row["source"]] += 1
        assert found == {
            ("hard_bounce", "bounce:hard"): 2 * each,
            ("hard_bounce", "report:dsn"): each,
            ("spam_complaint", "report:arf"): each,
            ("unsubscribed", "unsubscribe:newsletter"): each,
        }

        # The next one leaves out whom it must, and nobody else.
        remote.messages.clear()
        second = await send(client, label_id)
        shown = await until(client, second, SENDING_SECONDS, status="completed")
        assert (shown["sent_count"], shown["suppressed_count"]) == (people - 5 * each, 5 * each)
        assert shown["delivered_count"] == people - 5 * each
        got = Counter(recipient(message) for message in remote.messages)
        assert got == Counter(address(number) for number in range(people) if address(number).startswith("reader"))
        async with client.get("/v1/messages/broadcasts/") as answer:
            listed = [one["broadcast_id"] for one in (await answer.json())["results"]]
        assert listed == [second, first]


async def test_an_appliance_that_is_killed_twice_leaves_nobody_out(tmp_path):
    """What it had handed over and not written down it sends again, as SMTP has it: the same letter, and few of them."""
    people = 1000
    async with world(tmp_path / "appliance", people) as (server, remote, client, label_id):
        broadcast_id = await send(client, label_id)
        for share in (3, 2):
            async with asyncio.timeout(60):
                while len(remote.messages) < people // share:
                    await asyncio.sleep(0.01)
            await server.kill()
            await server.start()
        shown = await until(client, broadcast_id, SENDING_SECONDS, status="completed")
        letters: dict[str, set[bytes]] = {}
        for message in remote.messages:
            letters.setdefault(recipient(message), set()).add(re.search(rb"Message-ID: (\S+)", message.content)[1])
        refused = 2 * people // 50
        assert len(letters) == people - refused
        assert {len(ids) for ids in letters.values()} == {1}
        assert len(remote.messages) - len(letters) <= 2 * 2 * AT_STAKE
        assert (shown["sent_count"], shown["delivered_count"], shown["bounced_count"]) == (
            people, people - refused, refused,
        )  # fmt: skip
