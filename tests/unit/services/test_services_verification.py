import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from authres import AuthenticationResultsHeader

from mailserver.mail import dkim, dmarc, iprev, spf
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope, Peer, Recipient
from mailserver.mail.resolver import LookupFailed
from mailserver.services.inbound import dns_watch
from mailserver.services.inbound.verification import Verification
from mailserver.services.mailbox.acceptance import Acceptance
from mailserver.storage.files import MessageFiles
from tests.support import cost
from tests.support.waiting import until
from tests.support.zone import FAILS, FakeResolver

HOST = "mx.local.test"
PEER = "192.0.2.7"
PEM, PUBLIC = dkim.generate("ed25519-sha256")
KEY = dkim.SigningKey("remote.test", "s", "ed25519-sha256", dkim.load_key(PEM))
HEAD = (
    b"From: Bob <bob@remote.test>\r\nTo: a@local.test\r\nSubject: hi\r\n"
    b"Date: Sat, 21 Nov 2026 13:00:00 +0000\r\nMessage-ID: <1@remote.test>\r\n"
)
MESSAGE = HEAD + b"\r\nHello\r\n"


class NoJournal:
    pending_bytes = 0


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def acceptance(tmp_path, executor):
    return Acceptance(NoJournal(), MessageFiles(tmp_path / "mail"), executor, 256 << 10)


async def content(acceptance, raw, *, prefix=b"", chunk=100_000):
    made = acceptance.content()
    made.prefix = prefix
    for at in range(0, len(raw), chunk):
        if made.add(raw[at : at + chunk]):
            await made.flush()
    return made


def envelope(sender="bob@remote.test", helo="mx.remote.test", address=PEER):
    local, _, domain = sender.partition("@")
    return Envelope(
        Peer(address, 4711, helo, esmtp=True),
        Address(local, domain) if sender else None,
        (Recipient(Address("a", "local.test")),),
    )


def zone(**changed):
    texts = {
        "remote.test": ["v=spf1 ip4:192.0.2.0/24 -all"],
        "mx.remote.test": ["v=spf1 a -all"],
        "_dmarc.remote.test": ["v=DMARC1; p=reject; rua=mailto:d@remote.test"],
        "s._domainkey.remote.test": [dkim.record(PUBLIC)],
    }
    return FakeResolver(
        hosts={"mx.remote.test": [PEER]},
        txt={**texts, **changed},
        pointers={PEER: ["mx.remote.test"]},
    )


def signed(message=MESSAGE, keys=(KEY,), at=None):
    return dkim.sign(message, keys, at or int(time.time())) + message


def verification(resolver, executor, seconds=2.0, **more):
    return Verification(resolver, executor, HOST, seconds, **more)


async def reported(acceptance, executor, raw, resolver=None, envelope_=None, **more):
    checked = await content(acceptance, raw)
    try:
        return await verification(resolver or zone(), executor, **more).report(envelope_ or envelope(), checked)
    finally:
        checked.discard()


async def test_an_honest_message_passes_everything(acceptance, executor):
    report = await reported(acceptance, executor, signed())
    assert report.spf.status is spf.Status.PASS
    assert report.helo_spf.status is spf.Status.PASS
    assert [each.status for each in report.dkim] == [dkim.Status.PASS]
    assert report.dmarc.status is dmarc.Status.PASS
    assert (report.dmarc.spf_aligned, report.dmarc.dkim_aligned) == (True, True)
    assert report.iprev == iprev.Result(iprev.Status.PASS, PEER, "mx.remote.test")
    assert report.is_authenticated


async def test_its_header_says_so_in_words_that_others_read(acceptance, executor):
    report = await reported(acceptance, executor, signed())
    field = report.field(HOST)
    assert field.endswith(b"\r\n")
    assert max(map(len, field.split(b"\r\n"))) <= 78
    read = AuthenticationResultsHeader.parse(field.decode().replace("\r\n", "").replace("\t", " "))
    assert read.authserv_id == HOST
    assert [(each.method, each.result) for each in read.results] == [
        ("spf", "pass"), ("spf", "pass"), ("dkim", "pass"), ("dmarc", "pass"), ("iprev", "pass"),
    ]  # fmt: skip
    properties = {
        (each.type, each.name): each.value for each in [one for result in read.results for one in result.properties]
    }
    assert properties["smtp", "mailfrom"] == "bob@remote.test"
    assert properties["smtp", "helo"] == "mx.remote.test"
    assert properties["header", "d"] == "remote.test"
    assert properties["header", "s"] == "s"
    assert properties["header", "a"] == "ed25519-sha256"
    assert len(properties["header", "b"]) == 8
    assert properties["header", "from"] == "remote.test"
    assert properties["policy", "iprev"] == PEER


async def test_a_forged_author_fails_and_the_domain_asks_for_its_rejection(acceptance, executor):
    resolver = zone(**{"evil.test": ["v=spf1 +all"]})
    report = await reported(acceptance, executor, MESSAGE, resolver, envelope("x@evil.test", "mx.evil.test"))
    assert report.spf.status is spf.Status.PASS
    assert report.dmarc.status is dmarc.Status.FAIL
    assert report.dmarc.disposition == "reject"
    assert report.dkim[0].status is dkim.Status.NONE
    assert report.is_authenticated  # somebody answers for it, though not the author


async def test_a_report_is_plain_json(acceptance, executor):
    import json

    report = await reported(acceptance, executor, signed())
    read = json.loads(json.dumps(report.as_json()))
    assert read == report.as_json()
    assert read["dmarc"]["policy"]["rua"] == ["mailto:d@remote.test"]
    assert type(read["spf"]["result"]) is str


async def test_the_null_sender_is_checked_by_its_helo(acceptance, executor):
    report = await reported(acceptance, executor, MESSAGE, None, envelope(""))
    assert report.spf == report.helo_spf
    assert report.spf.identity is spf.Identity.HELO
    assert report.spf.status is spf.Status.PASS
    assert report.dmarc.spf_aligned  # mx.remote.test is of the organisation remote.test


async def test_a_big_message_is_hashed_from_its_spool_behind_the_room_for_its_head(acceptance, executor):
    raw = signed(HEAD + b"\r\n" + b"some  words\tof text \r\n" * 60_000)
    checked = await content(acceptance, raw, prefix=b"P" * 777)
    assert checked.is_spooled
    assert checked.pieces(b"")[1:]  # the end of it is still in memory
    report = await verification(zone(), executor).report(envelope(), checked)
    assert report.dkim[0].status is dkim.Status.PASS
    assert checked.is_spooled
    checked.discard()


async def test_a_long_header_is_whole_also_where_its_end_is_not_in_the_spool_yet(tmp_path, executor):
    crowded = Acceptance(NoJournal(), MessageFiles(tmp_path / "mail"), executor, 64 << 10)
    raw = signed(b"".join(b"X%d: %b\r\n" % (number, b"y" * 900) for number in range(80)) + MESSAGE)
    checked = await content(crowded, raw, chunk=66_000)
    assert checked.is_spooled
    assert len(checked.head()) < raw.index(b"\r\n\r\n")
    report = await verification(zone(), executor).report(envelope(), checked)
    assert report.dkim[0].status is dkim.Status.PASS
    checked.discard()


async def test_a_big_message_that_was_changed_at_its_very_end_fails(acceptance, executor):
    raw = signed(HEAD + b"\r\n" + b"some  words\tof text \r\n" * 60_000)
    report = await reported(acceptance, executor, raw[:-3] + b"!\r\n")
    assert (report.dkim[0].status, report.dkim[0].reason) == (dkim.Status.FAIL, "The body was changed.")


async def test_descriptors_are_given_back_also_where_the_message_was_given_up(acceptance, executor):
    import os

    raw = signed(HEAD + b"\r\n" + b"some  words\tof text \r\n" * 600_000)
    before = len(os.listdir("/proc/self/fd"))
    checked = await content(acceptance, raw)
    task = asyncio.create_task(verification(zone(), executor).report(envelope(), checked))
    await asyncio.sleep(0.02)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    checked.discard()
    executor.shutdown(wait=True)
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before)


async def test_dns_that_fails_is_temporary_everywhere(acceptance, executor):
    class Broken:
        async def text(self, name):
            raise LookupFailed(name)

        async def family(self, host, version):
            raise LookupFailed(host)

        pointers = text

    report = await reported(acceptance, executor, signed(), Broken())
    assert report.spf.status is spf.Status.TEMPERROR
    assert report.helo_spf.status is spf.Status.TEMPERROR
    assert report.dkim[0].status is dkim.Status.TEMPERROR
    assert report.dkim[0].domain == "remote.test"
    assert report.dmarc.status is dmarc.Status.TEMPERROR
    assert report.dmarc.disposition == "none"
    assert report.iprev.status is iprev.Status.TEMPERROR
    assert not report.is_authenticated
    assert b"spf=temperror" in report.field(HOST)


class Slow:
    """Answers some questions at once, and others never."""

    def __init__(self, inner, never, seconds=0.0):
        self.inner, self.never, self.seconds = inner, never, seconds
        self.rounds = 0  # how many questions had to wait for one another, at the most

    async def _answer(self, name, question):
        mine = self.rounds + 1
        await asyncio.sleep(3_600 if self.never(name) else self.seconds)
        self.rounds = max(self.rounds, mine)
        return await question()

    async def text(self, name):
        return await self._answer(name, lambda: self.inner.text(name))

    async def family(self, host, version):
        return await self._answer(host, lambda: self.inner.family(host, version))

    async def mx(self, name):
        return await self._answer(name, lambda: self.inner.mx(name))

    async def pointers(self, address):
        return await self._answer(address, lambda: self.inner.pointers(address))


async def test_at_the_deadline_what_is_known_is_told(acceptance, executor):
    resolver = Slow(zone(), lambda name: "_domainkey" in name or name == PEER)
    began = time.monotonic()
    report = await reported(acceptance, executor, signed(), resolver, seconds=1.0)
    assert 0.9 < time.monotonic() - began < 30
    assert report.spf.status is spf.Status.PASS
    assert report.dkim[0].status is dkim.Status.TEMPERROR
    assert report.iprev.status is iprev.Status.TEMPERROR
    assert report.dmarc.status is dmarc.Status.PASS


async def test_an_aligned_signature_that_could_not_be_checked_keeps_dmarc_from_failing(acceptance, executor):
    resolver = Slow(zone(**{"remote.test": ["v=spf1 -all"]}), lambda name: "_domainkey" in name)
    report = await reported(acceptance, executor, signed(), resolver, seconds=1.0)
    assert report.spf.status is spf.Status.FAIL
    assert report.dmarc.status is dmarc.Status.TEMPERROR


async def test_all_questions_are_asked_side_by_side(acceptance, executor):
    resolver = Slow(zone(), lambda name: False, seconds=0.5)
    report = await reported(acceptance, executor, signed(), resolver, seconds=60)
    assert report.dmarc.status is dmarc.Status.PASS
    assert resolver.rounds == 2  # a name's addresses come after the name


async def test_a_server_without_dns_soon_stops_waiting_and_an_answer_makes_it_wait_again(acceptance, executor):
    dead = True
    resolver = Slow(zone(), lambda name: dead)
    checking = verification(resolver, executor, 1.5)
    checked = await content(acceptance, signed())
    took = []
    for _ in range(4):
        began = time.monotonic()
        report = await checking.report(envelope(), checked)
        took.append(time.monotonic() - began)
        assert report.spf.status is spf.Status.TEMPERROR
    assert took[0] >= 1.5
    assert max(took[2:]) < 1.5
    assert min(took[2:]) >= dns_watch.SHORT_SECONDS
    dead = False
    assert (await checking.report(envelope(), checked)).dmarc.status is dmarc.Status.PASS
    dead = True
    began = time.monotonic()
    await checking.report(envelope("b@other.test"), checked)
    assert time.monotonic() - began >= 1.5


async def test_an_answer_in_the_middle_of_the_silence_gives_the_message_its_full_time(acceptance, executor):
    watched = dns_watch.WatchedDns(Slow(zone(), lambda name: name != "remote.test"))
    for _ in range(dns_watch.SILENT_QUESTIONS):
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(watched.text("gone.test"), 0.01)
    assert watched.is_silent
    assert watched.patience(5.0) == dns_watch.SHORT_SECONDS
    heard = []
    with watched.hearing(lambda: heard.append(True)):
        await watched.text("remote.test")
    assert heard == [True]
    assert watched.patience(5.0) == 5.0


async def test_what_the_resolver_remembers_is_no_sign_of_life_and_none_of_death():
    watched = dns_watch.WatchedDns(zone(**{"dead.test": FAILS}))
    for _ in range(20):
        with contextlib.suppress(LookupFailed):
            await watched.text("dead.test")
    assert not watched.is_silent


async def test_what_was_checked_a_moment_ago_is_not_asked_again(acceptance, executor):
    resolver = zone()
    now = 0.0
    checking = verification(resolver, executor, clock=lambda: now)
    checked = await content(acceptance, MESSAGE)
    first = await checking.report(envelope(), checked)
    asked = sum(count for (kind, name), count in resolver.asked.items() if not name.startswith("_dmarc"))
    assert await checking.report(envelope(), checked) == first
    assert sum(n for (kind, name), n in resolver.asked.items() if not name.startswith("_dmarc")) == asked
    second = await checking.report(envelope("carol@remote.test"), checked)
    assert second.spf.sender == "carol@remote.test"
    now = 61.0
    await checking.report(envelope(), checked)
    assert sum(n for (kind, name), n in resolver.asked.items() if not name.startswith("_dmarc")) > asked


async def test_a_policy_with_the_local_part_in_it_is_asked_for_each(acceptance, executor):
    resolver = zone(**{"remote.test": ["v=spf1 exists:%{l}.ok.test -all"]})
    resolver.hosts["bob.ok.test"] = ["127.0.0.2"]
    checking = verification(resolver, executor)
    checked = await content(acceptance, MESSAGE)
    for sender, status in (("bob@remote.test", "pass"), ("eve@remote.test", "fail"), ("bob@remote.test", "pass")):
        assert (await checking.report(envelope(sender), checked)).spf.status == status


async def test_a_fault_in_a_check_is_told_and_loses_nothing(acceptance, executor):
    class Faulty:
        def inspect(self, fields, at):
            raise RuntimeError("a bug")

    report = await reported(acceptance, executor, MESSAGE, arc=Faulty())
    assert report.dmarc.status is dmarc.Status.TEMPERROR
    assert report.spf.status is spf.Status.TEMPERROR


async def test_a_chain_is_judged_with_the_keys_and_the_body_it_asked_for(acceptance, executor):
    from mailserver.mail.canonical import Form
    from mailserver.mail.results import Claim

    class Chain:
        questions = ("arc._domainkey.list.test",)
        wanted = (Form(relaxed=True),)

        def judge(self, keys, bodies):
            assert keys["arc._domainkey.list.test"] == (b"v=DKIM1; p=x",)
            self.length = bodies[Form(relaxed=True)].length
            return self

        def claim(self):
            return Claim("arc", "pass", (("header.oldest-pass", "0"),))

        def as_json(self):
            return {"result": "pass"}

    class Arc:
        def inspect(self, fields, at):
            return Chain()

    resolver = zone(**{"arc._domainkey.list.test": ["v=DKIM1; p=x"]})
    report = await reported(acceptance, executor, MESSAGE, resolver, arc=Arc())
    assert report.arc.length == len(b"Hello\r\n")
    assert b"arc=pass header.oldest-pass=0" in report.field(HOST)
    assert report.as_json()["arc"] == {"result": "pass"}


async def test_a_subdomain_that_does_not_exist_gets_the_policy_for_such(acceptance, executor):
    raw = MESSAGE.replace(b"bob@remote.test", b"bob@ghost.remote.test")
    policy = "v=DMARC1; p=none; sp=quarantine; np=reject"
    resolver = zone(**{"_dmarc.remote.test": [policy], "there.remote.test": ["x"]})
    report = await reported(acceptance, executor, raw, resolver, envelope("x@evil.test"))
    assert (report.dmarc.domain, report.dmarc.policy_domain) == ("ghost.remote.test", "remote.test")
    assert report.dmarc.disposition == "reject"
    there = raw.replace(b"ghost", b"there")
    report = await reported(acceptance, executor, there, resolver, envelope("x@evil.test"))
    assert report.dmarc.disposition == "quarantine"


async def test_two_authors_never_pass_and_the_strictest_policy_holds(acceptance, executor):
    raw = signed(b"From: eve@evil.test\r\n" + MESSAGE)
    report = await reported(acceptance, executor, raw)
    assert report.dmarc.status is dmarc.Status.FAIL
    assert report.dmarc.disposition == "reject"
    assert report.dkim[0].reason == "The message has not exactly one From."


SLOW_SECONDS = 0.2  # 50 ms are promised, to a machine that is not some times slower than others


class Held:
    """How long the loop is held at the most while something runs: by its own work, which other processes do not
    lengthen, and by the clock."""

    async def __aenter__(self):
        self._done = False
        self._task = asyncio.create_task(self._watch())
        await asyncio.sleep(0.01)
        self.work = self.clock = 0.0
        return self

    async def __aexit__(self, *_exc):
        self._done = True
        await self._task

    async def _watch(self):
        self.work = self.clock = 0.0
        while not self._done:
            work, clock = time.thread_time(), time.perf_counter()
            await asyncio.sleep(0)
            self.work = max(self.work, time.thread_time() - work)
            self.clock = max(self.clock, time.perf_counter() - clock)


STRANGER = b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.test; s=s; h=from; bh=AAAA; b=AAAA\r\n"
AWKWARD = {
    "10,000 fields": b"".join(b"X%d: y\r\n" % number for number in range(10_000)) + MESSAGE,
    "500 signatures": b"".join(STRANGER % number for number in range(500)) + MESSAGE,
    "a From of 100 KB": MESSAGE.replace(b"From: Bob", b'From: "' + b'"' * 100_000),
    "a To of 100 KB": MESSAGE.replace(b"To: a", b"To: " + b"a@b.test," * 11_000 + b"a"),
    "names of 30 KB": (STRANGER % 1).replace(b"h=from", b"h=from:" + b"a:" * 15_000 + b"b") + MESSAGE,
    "2,400 forged results": b"Authentication-Results: mx.local.test; dkim=pass\r\n" * 2_400 + MESSAGE,
    "no header at all": b"\r\n" + b"x" * 100_000,
    "nothing but header": b"X: " + b"y" * 300_000,
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD)
async def test_no_header_holds_the_loop_or_goes_without_a_report(acceptance, executor, name):
    checked = await content(acceptance, AWKWARD[name])
    checking = verification(zone(), executor)
    async with Held() as held:
        report = await checking.report(envelope(), checked)
    assert held.work / cost.slowness() < SLOW_SECONDS
    assert report.spf.status is spf.Status.PASS
    assert len(report.dkim) <= 5
    assert len(report.field(HOST)) < 8_000
    checked.discard()


async def test_50_mb_do_not_hold_the_loop(acceptance, executor):
    raw = signed(HEAD + b"\r\n" + b"some  words\tof text \r\n" * 2_300_000)
    checked = await content(acceptance, raw, chunk=200_000)
    checking = verification(zone(), executor)
    clocks = []
    for _ in range(3):
        async with Held() as held:
            report = await checking.report(envelope(), checked)
        assert report.dkim[0].status is dkim.Status.PASS
        assert held.work / cost.slowness() < SLOW_SECONDS
        clocks.append(held.clock)
    assert min(clocks) < 10 * SLOW_SECONDS
    checked.discard()


async def test_a_policy_of_8_kb_does_not_hold_the_loop(acceptance, executor):
    text = "v=spf1 " + "ip4:10.11.12.13 " * 500 + "a:x.test a:y.test -all"
    resolver = zone(**{"remote.test": [text]})
    resolver.hosts.update({"x.test": ["10.0.0.1"], "y.test": [PEER]})
    checked = await content(acceptance, MESSAGE)
    checking = verification(resolver, executor)
    async with Held() as held:
        report = await checking.report(envelope(), checked)
    assert report.spf.status is spf.Status.PASS
    assert held.work / cost.slowness() < SLOW_SECONDS
    checked.discard()


async def test_a_name_server_that_is_silent_costs_no_more_than_the_deadline(acceptance, executor):
    import socket

    from mailserver.dns import DnsResolver

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        resolver = DnsResolver([f"127.0.0.1:{silent.getsockname()[1]}"])
        checking = verification(resolver, executor, 0.4)
        checked = await content(acceptance, signed())
        began = time.monotonic()
        reports = await asyncio.gather(*[checking.report(envelope(), checked) for _ in range(5)])
        assert time.monotonic() - began < 30
    assert {report.spf.status for report in reports} == {spf.Status.TEMPERROR}
    assert {report.dkim[0].status for report in reports} == {dkim.Status.TEMPERROR}
    checked.discard()


async def test_a_name_server_is_asked_as_it_is_in_the_world(acceptance, executor):
    from mailserver.dns import DnsResolver
    from tests.support.zone import NameServer

    text = (
        "@ 60 SOA ns.remote.test. x.remote.test. 1 60 60 60 60\n"
        '@ 60 TXT "v=spf1 mx include:_spf.remote.test -all"\n@ 60 MX 10 mx.remote.test.\nmx 60 A 192.0.2.99\n'
        '_spf 60 TXT "v=spf1 ip4:192.0.2.0/26" " ~all"\n_dmarc 60 TXT "v=DMARC1; p=quarantine; np=reject"\n'
        f's._domainkey 60 TXT "{dkim.record(PUBLIC)}"\n'
    )
    async with NameServer("remote.test.", text) as names:
        resolver = DnsResolver([f"127.0.0.1:{names.port}"])
        checked = await content(acceptance, signed())
        report = await verification(resolver, executor).report(envelope(), checked)
        checked.discard()
    assert (report.spf.status, report.dkim[0].status, report.dmarc.status) == ("pass", "pass", "pass")
    assert report.iprev.status is iprev.Status.PERMERROR
