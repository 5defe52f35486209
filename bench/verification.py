"""P14: what it costs to find out who sent a message, DNS aside, beside the bare libraries; and what it holds up.

One message of 50 KB with two RSA-2048 signatures, a sender whose policy includes another, DMARC and the reverse name.
Answers of DNS come from memory. `anew` is a peer never seen before, `again` one of a minute ago.
"""

import asyncio
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dkim as dkimpy
import spf as pyspf

from bench.report import Table
from mailserver.mail import dkim
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope, Peer, Recipient
from mailserver.mail.resolver import HostAnswer, MxAnswer, TextAnswer
from mailserver.services.inbound.verification import Verification
from mailserver.services.mailbox.acceptance import Acceptance
from mailserver.storage.files import MessageFiles

GOAL_MS = 3.0
QUICK_GOAL_US = 200.0
STALL_GOAL_MS = 50.0
BIG_BYTES = 50 << 20
HEAD = (
    b"From: Bob <bob@remote.test>\r\nTo: agent@local.test\r\nSubject: speed\r\n"
    b"Date: Sat, 21 Nov 2026 13:00:00 +0000\r\nMessage-ID: <speed@remote.test>\r\n\r\n"
)
LINE = b"The quick brown fox jumps over the lazy dog.\r\n"


class Zone:
    """A resolver that knows everything already."""

    def __init__(self, texts):
        self.texts = texts

    async def text(self, name):
        return TextAnswer(tuple(self.texts.get(name, ())), name in self.texts)

    async def family(self, host, version):
        return HostAnswer(("10.0.0.1",), exists=True)

    async def mx(self, domain):
        return MxAnswer((), exists=True)

    async def pointers(self, address):
        return ("mx.remote.test",)


class NoJournal:
    pending_bytes = 0


def envelope(number):
    peer = Peer(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 25, "mx.remote.test", esmtp=True)
    return Envelope(peer, Address("bob", "remote.test"), (Recipient(Address("agent", "local.test")),))


async def filled(acceptance, raw):
    content = acceptance.content()
    for at in range(0, len(raw), 256 << 10):
        if content.add(raw[at : at + (256 << 10)]):
            await content.flush()
    return content


def bare(raw, texts, number):
    """The same with dkimpy and pyspf as they come; both take their answers from memory."""
    message = dkimpy.DKIM(raw)
    for index in range(2):
        if not message.verify(idx=index, dnsfunc=lambda name, timeout=5: texts[name.decode().rstrip(".")][0]):
            raise RuntimeError("dkimpy does not take our signature")
    result, _ = pyspf.check2(i=envelope(number).peer.address, s="bob@remote.test", h="mx.remote.test")
    if result != "pass":
        raise RuntimeError(f"pyspf says {result}")
    dkimpy.util.parse_tag_value(texts["_dmarc.remote.test"][0])


def from_memory(texts):
    def lookup(name, kind, strict=True, timeout=20):
        return [((name, kind), (text,)) for text in texts.get(str(name).rstrip("."), ())] if kind == "TXT" else []

    return lookup


async def ours(checking, content, count, first):
    for number in range(count):
        report = await checking.report(envelope(first(number)), content)
    if report.dmarc.status != "pass" or [each.status for each in report.dkim] not in (["pass", "pass"], ["none"]):
        raise RuntimeError(f"the message should pass: {report}")


async def stall(checking, content):
    """The longest time that the loop was held while one message was checked, and how long that took."""
    longest, last, done = 0.0, time.perf_counter(), asyncio.Event()

    async def watch():
        nonlocal longest, last
        while not done.is_set():
            last = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - last)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    report = await checking.report(envelope(1), content)
    took = time.perf_counter() - began
    done.set()
    await watching
    if [each.status for each in report.dkim] != ["pass", "pass"]:
        raise RuntimeError(f"the message should pass: {report}")
    return longest, took


async def measure(rounds, directory, *, quick):
    keys, texts = (
        [],
        {
            "remote.test": [b"v=spf1 include:_spf.remote.test -all"],
            "_spf.remote.test": [b"v=spf1 ip4:192.0.2.0/24 ip4:10.0.0.0/8 ~all"],
            "_dmarc.remote.test": [b"v=DMARC1; p=reject; rua=mailto:reports@remote.test"],
        },
    )
    for selector in ("one", "two"):
        pem, public = dkim.generate("rsa-sha256")
        keys.append(dkim.SigningKey("remote.test", selector, "rsa-sha256", dkim.load_key(pem)))
        texts[f"{selector}._domainkey.remote.test"] = [dkim.record(public).encode()]
    unsigned = HEAD + LINE * (51_200 // len(LINE))
    raw = dkim.sign(unsigned, keys, int(time.time())) + unsigned
    small = HEAD + LINE * 20
    pyspf.DNSLookup = from_memory(texts)
    cost = Table("P14: CPU of one message of 50 KB with two signatures")
    count = 100 if quick else 400
    quick_one = Table("P14: a small unsigned message whose peer and domain are known")
    held = Table("P14: the longest that the event loop was held by a message of 50 MB")
    with ThreadPoolExecutor(2) as executor:
        acceptance = Acceptance(NoJournal(), MessageFiles(Path(directory)), executor, 256 << 10)
        content, plain = await filled(acceptance, raw), await filled(acceptance, small)
        body = HEAD + LINE * (BIG_BYTES // len(LINE))
        big = await filled(acceptance, dkim.sign(body, keys, int(time.time())) + body)
        serial = 0

        def anew(number):
            nonlocal serial
            serial += 1
            return serial

        for _ in range(rounds):
            checking = Verification(Zone(texts), executor, "mx.local.test", 5.0)
            for table, name, subject, which, factor in (
                (cost, "anew", content, anew, 1e3),
                (cost, "again", content, lambda number: 7, 1e3),
                (quick_one, "again", plain, lambda number: 7, 1e6),
            ):
                await ours(checking, subject, 3, which)
                began = time.process_time()
                await ours(checking, subject, count, which)
                table.add(name, (time.process_time() - began) / count * factor)
            began = time.process_time()
            for number in range(count // 10):
                bare(raw, texts, number)
            cost.add("bare libraries", (time.process_time() - began) / (count // 10) * 1e3)
            longest, took = await stall(checking, big)
            held.add("held", longest * 1e3)
            held.add("took", took * 1e3)
        for each in (content, plain, big):
            each.discard()
    cost.show("ms", ours="anew", other="bare libraries")
    quick_one.show("us")
    held.show("ms")
    for table, name, goal in (
        (cost, "anew", GOAL_MS), (quick_one, "again", QUICK_GOAL_US), (held, "held", STALL_GOAL_MS)
    ):  # fmt: skip
        worst = max(table.figures[name])
        met = "reached" if worst <= goal else "MISSED"
        print(f"  {table.title}: {worst:.2f} at the worst, goal {goal}: {met}", flush=True)


def run(names, rounds, *, quick):
    if names and "P14" not in names:
        return
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(rounds, directory, quick=quick))


if __name__ == "__main__":
    run(set(), 3, quick=True)
