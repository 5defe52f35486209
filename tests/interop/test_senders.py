"""Mail from strangers, before a real name server: refused, put off, into Junk or into the inbox, each with its reasons.

knot serves the senders' zones and a block list, dkimpy signs, swaks and smtplib are the strangers; each comes from a
loopback address of its own.
"""

import asyncio
import base64
import shutil
import smtplib
import subprocess

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support import knot
from tests.support.knot import Knot
from tests.support.server import running_server
from tests.support.waiting import until

MISSING = knot.missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
GOOD, STRANGER, LISTED = "127.0.0.11", "127.0.0.12", "127.0.0.13"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
ZONES = {
    "good.test": (
        f'@ 60 TXT "v=spf1 ip4:{GOOD} -all"\n_dmarc 60 TXT "v=DMARC1; p=reject"\nmx 60 A {GOOD}\n'
        f'sel._domainkey 60 TXT "v=DKIM1; k=rsa; p={PUBLIC[:200]}" "{PUBLIC[200:]}"\n'
    ),
    "careful.test": f'@ 60 TXT "v=spf1 ip4:{GOOD} ~all"\n_dmarc 60 TXT "v=DMARC1; p=quarantine"\n',
    "plain.test": "@ 60 A 127.0.0.99\n",
    "broken.test": '@ 60 TXT "v=spf1 include:broken.test -all"\n',
    "list.test": f"{'.'.join(reversed(LISTED.split('.')))} 60 A 127.0.0.4\n2.0.0.127 60 A 127.0.0.2\n",
    "127.in-addr.arpa": "11.0.0 60 PTR mx.good.test.\n",
}


def letter(author, body="See you at the station tomorrow.", **more):
    fields = {
        "From": author, "To": "agent@local.test", "Subject": "Tomorrow", "Date": "Sat, 21 Nov 2026 10:00:00 +0000",
        "Message-ID": f"<{abs(hash((author, body)))}@sender.test>", **more,
    }  # fmt: skip
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + f"\r\n{body}\r\n".encode()


def signed(raw):
    pem = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return dkim.sign(raw, b"sel", b"good.test", pem) + raw


async def send(server, peer, sender, raw, to="agent@local.test"):
    """One message from a loopback address; its reply, as (code, text)."""

    def talk():
        with smtplib.SMTP(*server.smtp, timeout=60, source_address=(peer, 0), local_hostname="mx.good.test") as client:
            client.ehlo_or_helo_if_needed()
            client.mail(sender)
            client.rcpt(to)
            code, text = client.data(raw)
            return code, text.decode()

    return await asyncio.to_thread(talk)


async def verdicts(server, count):
    """Every stored message's folder and verdict, newest first, once there are so many."""
    async with server.session() as client:
        rows = await until(lambda: stored(client, count))
        found = []
        for folder, row in rows:
            answer = await client.get(f"/v1/messages/{row['id']}/verdict/")
            found.append((folder, row["from"][0]["email"], await answer.json()))
        return found


async def stored(client, count):
    found = []
    for folder in ("inbox", "junk"):
        rows = (await (await client.get("/v1/messages/", params={"folder": folder})).json())["results"]
        found += [(folder, row) for row in rows]
    return found if len(found) >= count else None


@pytest.fixture
async def names(tmp_path):
    async with Knot(tmp_path / "knot", ZONES) as serving:
        yield serving


async def test_every_kind_of_sender_lands_where_it_should(tmp_path, names):
    lists = [{"zone": "list.test", "codes": {"127.0.0.4-7": 6.0, "127.0.0.2": 0.1}}]
    settings = {"dns__nameservers": [names.address], "filter__dns_lists": lists}
    async with running_server(tmp_path / "a", **settings) as server:
        code, _ = await send(server, GOOD, "a@good.test", letter("a@good.test"))
        assert code == 250
        code, _ = await send(server, STRANGER, "b@plain.test", signed(letter("b@good.test", "Signed, by another way.")))
        assert code == 250
        code, text = await send(server, STRANGER, "a@good.test", letter("c@good.test"))
        assert (code, text[:6]) == (550, "5.7.26")
        code, text = await send(server, STRANGER, "x@plain.test", signed(letter("d@good.test")).replace(b"See", b"Bye"))
        assert (code, text[:6]) == (550, "5.7.26")
        assert (await send(server, STRANGER, "e@careful.test", letter("e@careful.test")))[0] == 250
        assert (await send(server, STRANGER, "f@plain.test", letter("f@plain.test")))[0] == 250
        assert (await send(server, LISTED, "g@plain.test", letter("g@plain.test", "From a bad place.")))[0] == 250
        assert (await send(server, STRANGER, "h@broken.test", letter("h@broken.test")))[0] == 250
        found = {author: (folder, verdict) for folder, author, verdict in await verdicts(server, 6)}
        async with server.session(server.account["api_key"]) as client:
            shown = (await (await client.get("/agent/v0/messages?include_spam=true")).json())["messages"]
        labels = {item["from"]: item["labels"] for item in shown}

    assert {author: folder for author, (folder, _) in found.items()} == {
        "a@good.test": "inbox", "b@good.test": "inbox", "e@careful.test": "junk", "f@plain.test": "inbox",
        "g@plain.test": "junk", "h@broken.test": "inbox",
    }  # fmt: skip
    by = {author: verdict["authentication"] for author, (_, verdict) in found.items()}
    assert by["a@good.test"]["spf"]["result"] == "pass"
    assert by["a@good.test"]["iprev"] == {"result": "pass", "address": GOOD, "name": "mx.good.test"}
    assert [one["result"] for one in by["b@good.test"]["dkim"]] == ["pass"]
    assert by["b@good.test"]["dmarc"]["dkim_aligned"]
    assert by["h@broken.test"]["spf"]["result"] == "permerror"
    reasons = {one["name"]: one for one in found["g@plain.test"][1]["spam"]["reasons"]}
    assert reasons["PEER_IN_BLOCKLIST"]["score"] == 6.0
    assert "list.test" in reasons["PEER_IN_BLOCKLIST"]["detail"]
    assert "spam" in labels["g@plain.test"]
    assert "unauthenticated" in labels["f@plain.test"]
    assert "unauthenticated" not in labels["a@good.test"]


async def test_a_stranger_is_put_off_once_and_one_that_proves_itself_never(tmp_path, names):
    settings = {"dns__nameservers": [names.address], "filter__greylist_seconds": 1}
    async with running_server(tmp_path / "b", **settings) as server:
        raw = letter("f@plain.test")
        code, text = await send(server, STRANGER, "f@plain.test", raw)
        assert (code, text[:5]) == (451, "4.7.1")
        assert (await send(server, GOOD, "a@good.test", letter("a@good.test")))[0] == 250
        await asyncio.sleep(1.2)
        assert (await send(server, STRANGER, "f@plain.test", raw))[0] == 250
        again = letter("f@plain.test", "Once more.")
        assert (await send(server, STRANGER, "f@plain.test", again))[0] == 250
        assert (await send(server, LISTED, "f@plain.test", raw))[0] == 250  # the same network
        assert (await send(server, STRANGER, "other@plain.test", raw))[0] == 451


async def test_an_inbox_learns_what_its_reader_moves(tmp_path, names):
    async with running_server(tmp_path / "c", dns__nameservers=[names.address]) as server, server.session() as client:
        for number in range(24):
            junk = f"Cheap watches and pills number {number}, order now, limited discount offer!"
            await send(server, STRANGER, "f@plain.test", letter("f@plain.test", junk))
            wanted = f"The minutes of meeting {number} about the bridge project are attached here."
            await send(server, GOOD, "a@good.test", letter("a@good.test", wanted))
        await verdicts(server, 48)
        folders = await (await client.get("/v1/messages/folders/")).json()
        junk_folder = next(folder["id"] for folder in folders if folder["role"] == "junk")
        rows = (await (await client.get("/v1/messages/?limit=200")).json())["results"]
        for row in sorted(rows, key=lambda row: row["from"][0]["email"]):  # what is wanted is read first
            is_junk = row["from"][0]["email"] == "f@plain.test"
            change = {"mailbox_id": junk_folder} if is_junk else {"mark_read": True}
            assert (await client.patch(f"/v1/messages/{row['id']}/", json=change)).status == 204
        await until(lambda: len(server.logged("filter.lesson.learned")) >= 44)
        raw = letter("f@plain.test", "Order cheap pills and watches now: a limited discount offer!")
        code, text = await send(server, STRANGER, "f@plain.test", raw)
        assert code == 250
        found = await verdicts(server, 49)
        (verdict,) = [one for _, _, one in found if one["message_id"] == text.split()[-1]]
    reasons = {one["name"]: one for one in verdict["spam"]["reasons"]}
    assert reasons["BAYES_JUNK"]["score"] > 3


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
async def test_what_a_person_reads_at_the_terminal(tmp_path, names):
    async with running_server(tmp_path / "d", dns__nameservers=[names.address]) as server:
        host, port = server.smtp
        ran = await asyncio.to_thread(
            subprocess.run,
            ["swaks", "--server", host, "--port", str(port), "--local-interface", STRANGER, "--from", "x@plain.test",
             "--to", "agent@local.test", "--header", "From: boss@good.test"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "550 5.7.26 The domain in From asks to refuse mail that it did not send (DMARC)" in ran.stdout
        (refused,) = await until(lambda: server.logged("inbound.message.refused"))
        assert (refused["why"], refused["domain"], refused["peer"]) == ("dmarc", "good.test", STRANGER)
