"""Counting, closing days, sending, and reading reports, on a real store."""

import asyncio
import gzip
import time
from datetime import UTC, datetime

import orjson
import pytest

from mailserver.entities import errors
from mailserver.entities.report import Direction, ReportKind, ReportState, Seen, Tally
from mailserver.entities.transport import PolicyType, ResultType, Session
from mailserver.fetch import Fetched, FetchFailed
from mailserver.mail import dkim, dmarc, dmarc_record, dmarc_report, headers, iprev, report_letter, spf, tls_report
from mailserver.mail.authentication import Report
from mailserver.mail.report_uri import Destination
from mailserver.services.inbound.reports import Marking
from mailserver.services.reporting import assembly, collector
from mailserver.services.reporting.destinations import Destinations, NoConsent
from mailserver.services.reporting.sender import Sender
from mailserver.settings.sections import Reports
from mailserver.storage import reporting, reports
from tests.support import reports as made
from tests.support.inside import enveloped, inside
from tests.support.outgoing import Clock
from tests.support.zone import FAILS, FakeResolver

DAY = 86_400
RECORD = "v=DMARC1; p=reject; rua=mailto:dmarc@far.test"


class Web:
    """Takes posts; `answers` are given one after the other, the last one for ever."""

    def __init__(self, *answers):
        self.answers, self.posts = list(answers or (200,)), []

    async def post(self, url, body, *, headers, limit_bytes, timeout_seconds):
        self.posts.append((url, body, dict(headers)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Fetched(answer, "text/plain", {}, b"")


class Office:
    """Reporting on a house's store, with a clock, DNS and web of its own. Another one is another node."""

    def __init__(self, house, clock, resolver, web=None, node=0, sender=""):
        self.house, self.clock, self.resolver, self.web = house, clock, resolver, web or Web()
        assembled = house.assembled
        ingest, enqueue = house.services.sending._ingest, house.services.sending._enqueue
        self.all = assembly.build(
            house.store.database, house.store.files, house.store.ids, ingest, enqueue, resolver, self.web,
            house.services.messages._executor, "mail.local.test", f"mail.local.test/{node}", clock,
            Reports(sender=sender),
        )  # fmt: skip
        self.collector, self.daily, self.reading = self.all.collector, self.all.daily, self.all.reading
        assert assembled.services.reporting is not self.all

    @property
    def day(self):
        return f"{datetime.fromtimestamp(self.clock() / 1000, UTC):%Y-%m-%d}"

    def session(self, domain="far.test", result=None, **more):
        given = {
            "policy_type": PolicyType.NONE, "policy_strings": (), "policy_domain": domain, "policy_hosts": (),
            "mx_host": f"mx.{domain}", "sending_address": "192.0.2.1", "receiving_address": "192.0.2.2",
        } | more  # fmt: skip
        explained = {"reason": "code", "explanation": "The sentence"} if result else {}
        return Session(day=self.day, domain=domain, result=result, **given, **explained)

    async def out(self):
        found = await self.all.book.all(None, None, Direction.OUT, 1000)
        return found[::-1]

    async def opened(self, report):
        return await self.all.book.show(report.id, 1000)

    async def letters(self):
        """What was queued: (recipient, raw)."""
        rows = await self.house.rows(
            "SELECT d.recipient, q.location FROM delivery d JOIN queued q ON q.id = d.queued_id ORDER BY d.id"
        )
        return [(recipient, self.house.store.files.read(place)) for recipient, place in rows]


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


@pytest.fixture
def clock():
    """Noon, so that a day has an end before and behind it."""
    made_clock = Clock()
    made_clock.advance(DAY / 2 - time.time() % DAY)
    return made_clock


@pytest.fixture
def office(house, clock):
    return Office(house, clock, FakeResolver())


def findings(domain="far.test", status="pass", record=RECORD, *, policy_domain="", is_aggregate=False, **more):
    """What verification found: everything aligned, or nothing."""
    policy = dmarc_record.parse(record.encode())
    passes = status == "pass"
    result = dmarc.Result(
        dmarc.Status(status), domain, policy_domain or domain, policy, more.pop("asked", "none"), passes, passes,
        record, "The reason." if not passes else "",
    )  # fmt: skip
    found = spf.Result(spf.Status.PASS if passes else spf.Status.SOFTFAIL, spf.Identity.MAILFROM, domain, f"a@{domain}")
    signature = dkim.Result(dkim.Status.PASS if passes else dkim.Status.FAIL, domain, "s1")
    return Report(
        found, found, more.pop("signatures", (signature,)), result,
        iprev.Result(iprev.Status.PASS, more.pop("address", "192.0.2.5")), is_aggregate=is_aggregate,
    )  # fmt: skip


def envelope(sender="a@far.test"):
    return enveloped(["agent@local.test"], sender)


# -- counting ---------------------------------------------------------------------------------------------------------


async def test_the_same_is_counted_and_what_differs_has_its_own_row(house, office):
    for _ in range(3):
        office.collector.dmarc(envelope(), findings(), "none", "")
    office.collector.dmarc(envelope(), findings(address="192.0.2.6"), "none", "")
    office.collector.dmarc(envelope(None), findings(status="fail", asked="reject"), "reject", "")
    await office.collector.flush()
    office.collector.dmarc(envelope(), findings(), "none", "")
    await office.collector.flush()
    rows = await house.rows("SELECT count, row FROM report_count ORDER BY count DESC, key")
    assert sorted(count for count, _ in rows) == [1, 1, 4]
    told = [orjson.loads(row) for _, row in rows]
    assert {(row["disposition"], row["dkim"], row["sender"]) for row in told} == {
        ("pass", "pass", "far.test"), ("reject", "fail", ""),
    }  # fmt: skip


async def test_several_nodes_add_up(house, clock):
    nodes = [Office(house, clock, FakeResolver(), node=number) for number in range(3)]
    for node in nodes:
        node.collector.dmarc(envelope(), findings(), "none", "")
        node.collector.record(node.session())
    await asyncio.gather(*(node.collector.flush() for node in nodes))
    assert await house.rows("SELECT kind, count FROM report_count ORDER BY kind") == [("dmarc", 3), ("tls", 3)]


async def test_what_nobody_wants_to_know_is_not_counted(house, office):
    office.collector.dmarc(envelope(), findings(record="v=DMARC1; p=reject"), "none", "")
    office.collector.dmarc(envelope(), findings(record="v=DMARC1; p=none; rua=https://far.test/"), "none", "")
    office.collector.dmarc(envelope(), findings(is_aggregate=True), "none", "")
    nothing = dmarc.Result(dmarc.Status.NONE, "far.test")
    found = findings()
    office.collector.dmarc(envelope(), Report(found.spf, found.spf, (), nothing, found.iprev), "none", "")
    await office.collector.flush()
    assert await house.rows("SELECT * FROM report_count") == []


@pytest.mark.parametrize(
    ("found", "disposition", "reason", "told", "reasons"),
    [
        (findings(), "none", "", "pass", []),
        (findings(record="v=DMARC1; p=none; rua=mailto:a@far.test"), "none", "", "none", []),
        (findings(status="fail", asked="reject"), "quarantine", "local_policy", "quarantine", [["local_policy", ""]]),
        (findings(status="fail"), "none", "trusted_forwarder arc=pass", "none", [["trusted_forwarder", "arc=pass"]]),
        (findings(status="fail"), "none", "the moon is full", "none", [["other", "the moon is full"]]),
        (findings(status="fail", record=RECORD + "; t=y", asked="quarantine"), "quarantine", "", "quarantine",
         [["policy_test_mode", ""]]),
        (findings(status="temperror"), "none", "", "none", [["other", "The reason."]]),
    ],
)  # fmt: skip
async def test_what_was_done_and_why(house, office, found, disposition, reason, told, reasons):
    office.collector.dmarc(envelope(), found, disposition, reason)
    await office.collector.flush()
    ((row,),) = await house.rows("SELECT row FROM report_count")
    row = orjson.loads(row)
    assert (row["disposition"], row["reasons"]) == (told, reasons)


async def test_the_author_s_signatures_come_first_and_there_are_twenty_at_most(house, office):
    def signature(domain, status):
        return dkim.Result(dkim.Status(status), domain, "s", reason="" if status == "pass" else "Broken.")

    signatures = (
        *(signature(f"d{n}.test", "fail") for n in range(30)), signature("esp.test", "pass"),
        signature("mail.far.test", "pass"), signature("far.test", "pass"), dkim.Result(dkim.Status.NONE),
    )  # fmt: skip
    office.collector.dmarc(envelope(), findings(signatures=signatures), "none", "")
    await office.collector.flush()
    ((row,),) = await house.rows("SELECT row FROM report_count")
    told = orjson.loads(row)["signatures"]
    assert [each[0] for each in told[:4]] == ["far.test", "mail.far.test", "esp.test", "d0.test"]
    assert told[3] == ["d0.test", "s", "fail", "Broken."]
    assert len(told) == collector.MOST_SIGNATURES


async def test_memory_has_an_end_and_what_is_known_goes_on(house, office, monkeypatch):
    monkeypatch.setattr(collector, "MOST_HELD", 10)
    for number in range(50):
        office.collector.dmarc(envelope(), findings(address=f"192.0.2.{number}"), "none", "")
    office.collector.dmarc(envelope(), findings(address="192.0.2.0"), "none", "")
    await office.collector.flush()
    assert await house.rows("SELECT COUNT(*), SUM(count) FROM report_count") == [(10, 11)]


async def test_a_domain_has_so_many_rows_a_day_and_a_day_so_many_domains(house, monkeypatch):
    monkeypatch.setattr(reporting, "MOST_ROWS", 5)
    monkeypatch.setattr(reporting, "MOST_DOMAINS", 2)
    kind = ReportKind.DMARC

    async def add(domain, *rows):
        tallies = [Tally(kind, "2026-11-20", domain, row, 1) for row in rows]
        return await house.store.database.write(reporting.add, tallies, [Seen(kind, "2026-11-20", domain, "{}", 1)])

    assert await add("a.test", *"abcde") == 0
    assert await add("a.test", *"abcdefgh") == 3
    assert await add("b.test", "x") == 0
    assert await add("c.test", "x", "y") == 2
    assert await add("b.test", "x") == 0
    assert await house.rows("SELECT domain, COUNT(*), SUM(count) FROM report_count GROUP BY domain ORDER BY 1") == [
        ("a.test", 5, 10), ("b.test", 1, 2),
    ]  # fmt: skip


async def test_counts_survive_a_store_that_is_away(house, office):
    real, office.collector._database = office.collector._database, Away()
    office.collector.dmarc(envelope(), findings(), "none", "")
    with pytest.raises(errors.StoreUnavailable):
        await office.collector.flush()
    office.collector.dmarc(envelope(), findings(), "none", "")
    office.collector._database = real
    await office.collector.flush()
    assert await house.rows("SELECT count FROM report_count") == [(2,)]


class Away:
    async def write(self, *_arguments):
        raise errors.StoreUnavailable


async def test_stopping_writes_down_what_is_left(house, office):
    task = asyncio.create_task(office.collector.run())
    await asyncio.sleep(0)
    office.collector.record(office.session())
    office.collector.stop()
    async with asyncio.timeout(30):
        await task
    assert await house.rows("SELECT count FROM report_count") == [(1,)]


class Says:
    """Verification with one answer."""

    def __init__(self, found):
        self.found = found

    async def report(self, _envelope, _content):
        return self.found


@pytest.mark.parametrize(("status", "subject", "is_marked"), [
    ("pass", "Report Domain: local.test Submitter: far.test Report-ID: <1>", True),
    ("fail", "Report Domain: local.test Submitter: far.test Report-ID: <1>", False),
    ("pass", "Hello", False),
])  # fmt: skip
async def test_only_a_report_that_is_proven_is_left_out_of_reports(house, status, subject, is_marked):
    content = house.services.reception._acceptance.content()
    content.add(f"From: a@far.test\r\nSubject: {subject}\r\n\r\nx\r\n".encode())
    found = await Marking(Says(findings(status=status))).report(envelope(), content)
    assert found.is_aggregate is is_marked
    content.discard()


# -- closing and sending ----------------------------------------------------------------------------------------------


async def test_a_day_that_is_over_becomes_one_signed_letter(house, office):
    for _ in range(2):
        office.collector.dmarc(envelope(), findings(), "none", "")
    office.collector.dmarc(envelope(), findings(status="fail", asked="reject"), "reject", "")
    office.clock.advance(DAY)
    assert await office.daily.send() == {"made": 1, "sent": 1}
    ((recipient, raw),) = await office.letters()
    head, _ = headers.split(raw)
    assert recipient == "dmarc@far.test"
    assert head.text("from").endswith("<postmaster@local.test>")
    assert report_letter.domain(head) == "far.test"
    (file,) = report_letter.files(raw)
    report = dmarc_report.read(gzip.decompress(file))
    assert (report.total, report.failed, report.organization) == (3, 1, "mail.local.test")
    assert report.end - report.begin == DAY - 1
    assert report.begin % DAY == 0
    assert (report.published.p, report.published.sp, report.published.np) == ("reject", "reject", "reject")
    name = f"mail.local.test!far.test!{report.begin}!{report.end}!{report.report_id}.xml.gz"
    assert f'filename="{name}"'.encode() in raw
    (queued,) = await house.rows("SELECT domain, source, expires_at - created_at, inbox_id FROM queued")
    assert queued[:2] == ("local.test", "report")
    assert queued[2] <= DAY * 1000 * 3  # the real clock made it, and ours is a day ahead, from noon on
    assert queued[3] == house.account.inbox.id
    (kept,) = await office.out()
    assert (kept.state, kept.total, kept.failed) == (ReportState.QUEUED, 3, 1)
    opened = await office.opened(kept)
    assert [each.recipient for each in opened.deliveries] == ["dmarc@far.test"]
    assert await office.daily.send() == {"made": 0, "sent": 0}


async def test_a_day_is_closed_some_hours_after_its_end_and_not_before(office):
    office.collector.record(office.session())
    office.resolver.texts["_smtp._tls.far.test"] = ["v=TLSRPTv1; rua=mailto:tls@far.test"]
    assert await office.daily.run() == {"made": 0, "sent": 0}
    office.clock.advance(DAY / 2)  # midnight
    assert await office.daily.run() == {"made": 0, "sent": 0}
    office.clock.advance(3 * 3600)
    assert await office.daily.run() == {"made": 1, "sent": 1}


async def test_today_can_be_reported_and_the_rest_of_it_has_its_own_report(house, office):
    office.collector.dmarc(envelope(), findings(), "none", "")
    assert await office.daily.send() == {"made": 0, "sent": 0}
    assert await office.daily.send(with_today=True) == {"made": 1, "sent": 1}
    office.collector.dmarc(envelope(), findings(), "none", "")
    office.clock.advance(DAY)
    assert await office.daily.send() == {"made": 1, "sent": 1}
    first, second = await office.out()
    assert (first.total, second.total) == (1, 1)
    assert first.report_id != second.report_id
    assert first.end_at < second.end_at


async def test_many_nodes_report_once(house, clock):
    nodes = [Office(house, clock, FakeResolver(), node=number) for number in range(4)]
    for number in range(10):
        nodes[number % 4].collector.dmarc(
            envelope(), findings(f"d{number}.test", record=f"v=DMARC1; p=none; rua=mailto:a@d{number}.test"), "none", ""
        )
    for node in nodes:
        await node.collector.flush()
    clock.advance(DAY)
    for _ in range(3):
        await asyncio.gather(*(node.daily.send() for node in nodes))
    assert sorted(recipient for recipient, _ in await nodes[0].letters()) == [f"a@d{n}.test" for n in range(10)]
    assert await house.rows("SELECT * FROM report_count") == []
    assert await house.rows("SELECT * FROM report_seen") == []


async def test_a_node_that_slept_over_its_lease_makes_nothing(house, clock):
    slow, quick = (Office(house, clock, FakeResolver(), node=number) for number in range(2))
    slow.collector.dmarc(envelope(), findings(), "none", "")
    await slow.collector.flush()
    clock.advance(DAY)
    (seen,) = await house.store.database.read(reporting.unreported, quick.day)
    await house.store.database.write(reporting.take_lease, "reports", "other", clock(), clock() + 10_000)
    with pytest.raises(Exception, match=r"^$") as caught:
        await slow.daily._report(seen)
    assert type(caught.value).__name__ == "_LostLease"
    assert await house.rows("SELECT COUNT(*) FROM report") == [(0,)]
    assert await quick.daily.send() == {"made": 0, "sent": 0}
    clock.advance(11)
    assert await quick.daily.send() == {"made": 1, "sent": 1}


async def test_a_crash_between_report_and_message_sends_it_once(house, office, clock):
    office.collector.dmarc(envelope(), findings(), "none", "")
    await office.collector.flush()
    clock.advance(DAY)
    real, office.all.daily._dispatch = office.all.daily._dispatch, Dies()
    with pytest.raises(RuntimeError):
        await office.daily.send()
    assert [each.state for each in await office.out()] == [ReportState.WAITING]
    office.all.daily._dispatch = real
    after = Office(house, clock, office.resolver)
    (waiting,) = await house.store.database.read(reporting.due, clock(), 10)
    await asyncio.gather(*(each.daily._dispatch._send(waiting) for each in (after, office)), return_exceptions=True)
    assert await after.daily.send() == {"made": 0, "sent": 0}
    assert len(await after.letters()) == 1


class Dies:
    async def run(self):
        raise RuntimeError("killed")


async def test_a_report_larger_than_the_address_takes_is_not_sent(office):
    record = "v=DMARC1; p=none; rua=mailto:small@far.test!100,mailto:large@far.test!1m"
    office.collector.dmarc(envelope(), findings(record=record), "none", "")
    office.clock.advance(DAY)
    assert await office.daily.send() == {"made": 2, "sent": 1}
    assert [(each.destination, each.state.value, each.note) for each in await office.out()] == [
        ("mailto:small@far.test", "failed", "The report is larger than the address takes."),
        ("mailto:large@far.test", "queued", ""),
    ]


async def test_the_last_policy_of_the_day_is_the_one_that_is_told(office):
    office.collector.dmarc(envelope(), findings(record="v=DMARC1; p=none; rua=mailto:old@far.test"), "none", "")
    await office.collector.flush()
    office.clock.advance(10)
    office.collector.dmarc(envelope(), findings(record="v=DMARC1; p=quarantine; sp=none; t=y; fo=1:d; "
                                                       "rua=mailto:new@far.test"), "none", "")  # fmt: skip
    office.clock.advance(DAY)
    await office.daily.send()
    ((recipient, raw),) = await office.letters()
    assert recipient == "new@far.test"
    (file,) = report_letter.files(raw)
    published = dmarc_report.read(gzip.decompress(file)).published
    assert (published.p, published.sp, published.np, published.testing, published.fo) == (
        "quarantine", "none", "none", "y", "1:d",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "reply"),
    [
        ({}, "no"),
        ({"far.test._report._dmarc.watch.test": ["v=DMARC1;"]}, ["mailto:dmarc@watch.test"]),
        ({"far.test._report._dmarc.watch.test": ["v=spf1 -all"]}, "no"),
        ({"far.test._report._dmarc.watch.test": ["v=DMARC1; rua=mailto:b@watch.test"]}, ["mailto:b@watch.test"]),
        ({"far.test._report._dmarc.watch.test": ["v=DMARC1; rua=mailto:b@else.test"]}, "no"),
    ],
)
async def test_a_stranger_gets_reports_only_where_he_says_so(zone, reply):
    destinations = Destinations(FakeResolver(txt={"_dmarc.far.test": [RECORD], **zone}))
    named = Destination("mailto:dmarc@watch.test")
    if reply == "no":
        with pytest.raises(NoConsent):
            await destinations.agreed("far.test", named)
    else:
        assert [each.uri for each in await destinations.agreed("far.test", named)] == reply


async def test_the_same_organisation_needs_no_consent():
    zone = {"_dmarc.far.test": [RECORD], "_dmarc.news.far.test": [RECORD]}
    destinations = Destinations(FakeResolver(txt=zone))
    for domain, host in (("far.test", "far.test"), ("news.far.test", "far.test"), ("far.test", "in.far.test")):
        named = Destination(f"mailto:a@{host}")
        assert await destinations.agreed(domain, named) == (named,)
    psd = Destinations(FakeResolver(txt={"_dmarc.bank": ["v=DMARC1; p=reject; psd=y; rua=mailto:a@x.bank"]}))
    with pytest.raises(NoConsent):  # below a public suffix everybody is somebody else
        await psd.agreed("far.bank", Destination("mailto:a@other.bank"))


async def test_what_dns_does_not_say_is_asked_again_for_a_day(office):
    record = "v=DMARC1; p=none; rua=mailto:dmarc@watch.test"
    office.resolver.texts.update({
        "_dmarc.far.test": [record], "_dmarc.watch.test": [], "far.test._report._dmarc.watch.test": FAILS,
    })  # fmt: skip
    office.collector.dmarc(envelope(), findings(record=record), "none", "")
    office.clock.advance(DAY)
    assert await office.daily.send() == {"made": 1, "sent": 0}
    assert await office.daily.send() == {"made": 0, "sent": 0}
    (waiting,) = await office.out()
    assert (waiting.state, waiting.note) == (
        ReportState.WAITING, "DNS does not say whether watch.test takes reports about far.test.",
    )  # fmt: skip
    office.clock.advance(3600)
    office.resolver.texts["far.test._report._dmarc.watch.test"] = ["v=DMARC1; rua=mailto:b@watch.test"]
    assert await office.daily.send() == {"made": 0, "sent": 1}
    (sent,) = await office.out()
    assert (sent.state, sent.destination) == (ReportState.QUEUED, "mailto:b@watch.test")


async def test_who_does_not_consent_gets_nothing_and_the_reason_is_kept(office):
    record = "v=DMARC1; p=none; rua=mailto:victim@watch.test"
    office.collector.dmarc(envelope(), findings(record=record), "none", "")
    office.clock.advance(DAY)
    assert await office.daily.send() == {"made": 1, "sent": 0}
    (refused,) = await office.out()
    assert (refused.state, refused.note) == (
        ReportState.FAILED, "watch.test does not say that it takes reports about far.test.",
    )  # fmt: skip
    assert await office.letters() == []


async def test_without_an_inbox_that_answers_nobody_reports(house, clock):
    for sender in ("reports@elsewhere.test", "nonsense", "müller@local.test"):
        office = Office(house, clock, FakeResolver(), sender=sender)
        office.collector.dmarc(envelope(), findings(), "none", "")
        await office.collector.flush()
        assert await office.daily.send(with_today=True) == {"made": 0, "sent": 0}
    chosen = await Sender(house.store.database, "Reports@local.test").author()
    assert (chosen.address, chosen.domain, chosen.inbox.id) == (
        "Reports@local.test", "local.test", house.account.inbox.id,
    )  # fmt: skip


# -- TLS --------------------------------------------------------------------------------------------------------------


async def test_sessions_become_a_tls_report_by_mail_and_by_https(house, office):
    office.resolver.texts["_smtp._tls.far.test"] = ["v=TLSRPTv1; rua=mailto:tls@far.test,https://far.test/reports"]
    sts = {"policy_type": PolicyType.STS, "policy_strings": ("version: STSv1", "mode: enforce"),
           "policy_hosts": ("*.far.test",)}  # fmt: skip
    for _ in range(3):
        office.collector.record(office.session(**sts))
    for _ in range(2):
        office.collector.record(office.session(result=ResultType.CERTIFICATE_EXPIRED, **sts))
    office.collector.record(office.session())
    office.collector.record(office.session("nobody.test"))
    office.clock.advance(DAY)
    assert await office.daily.send() == {"made": 2, "sent": 2}
    ((recipient, raw),) = await office.letters()
    head, _ = headers.split(raw)
    assert recipient == "tls@far.test"
    assert head.text("content-type").startswith('multipart/report; report-type="tlsrpt"')
    assert head.text("tls-required") == "No"
    (file,) = report_letter.files(raw)
    ((url, posted, fields),) = office.web.posts
    assert (url, fields, posted) == ("https://far.test/reports", {"Content-Type": "application/tlsrpt+gzip"}, file)
    report = tls_report.read(gzip.decompress(file))
    assert {(each.type, each.succeeded, each.failed) for each in report.policies} == {
        ("sts", 3, 2), ("no-policy-found", 1, 0),
    }  # fmt: skip
    (detail,) = next(each.details for each in report.policies if each.type == "sts")
    assert (detail.result_type, detail.count, detail.reason_code) == (
        "certificate-expired", 2, "code: The sentence",
    )  # fmt: skip
    assert f"<{report.report_id}>" in " ".join(head.text("subject").split())
    assert [each.state for each in await office.out()] == [ReportState.QUEUED, ReportState.POSTED]
    assert await house.rows("SELECT * FROM report_count") == []


async def test_a_web_server_that_fails_is_tried_for_a_day(office):
    office.resolver.texts["_smtp._tls.far.test"] = ["v=TLSRPTv1; rua=https://far.test/reports"]
    office.web.answers = [FetchFailed("far.test took too long"), 503, 429, 500]
    office.collector.record(office.session())
    office.clock.advance(DAY)
    assert await office.daily.send() == {"made": 1, "sent": 0}
    for _ in range(40):
        office.clock.advance(3600)
        await office.daily.send()
    (failed,) = await office.out()
    assert (failed.state, failed.note) == (
        ReportState.FAILED, "It was tried for a day. The web server answered 500.",
    )  # fmt: skip
    assert 5 <= len(office.web.posts) <= 12
    assert len({body for _, body, _ in office.web.posts}) == 1


@pytest.mark.parametrize(("answer", "state"), [(201, "posted"), (404, "failed"), (302, "waiting"), (500, "waiting")])
async def test_what_an_answer_means(office, answer, state):
    office.resolver.texts["_smtp._tls.far.test"] = ["v=TLSRPTv1; rua=https://far.test/reports"]
    office.web.answers = [answer]
    office.collector.record(office.session())
    office.clock.advance(DAY)
    await office.daily.send()
    assert [each.state.value for each in await office.out()] == [state]


async def test_counts_of_a_domain_whose_dns_is_silent_are_kept_for_two_days(house, office):
    office.resolver.texts["_smtp._tls.far.test"] = FAILS
    office.collector.record(office.session())
    office.clock.advance(DAY)
    assert await office.daily.send() == {"made": 0, "sent": 0}
    await office.daily.trim()
    assert await house.rows("SELECT COUNT(*) FROM report_count") == [(1,)]
    office.clock.advance(2 * DAY)
    await office.daily.trim()
    assert await house.rows("SELECT COUNT(*) FROM report_count") == [(0,)]


async def test_old_reports_go(house, office):
    office.collector.dmarc(envelope(), findings(), "none", "")
    await office.daily.send(with_today=True)
    await office.daily.trim()
    assert len(await office.out()) == 1
    office.clock.advance(91 * DAY)
    await office.daily.trim()
    assert await office.out() == []


# -- reading ----------------------------------------------------------------------------------------------------------


async def came(office):
    await office.house.settled()
    await office.reading.run()
    return await office.all.book.all(None, None, Direction.IN, 100)


async def test_a_report_about_our_domain_is_read_out_of_mail_for_its_tenant(house, office):
    await house.receive(made.dmarc_letter("local.test"))
    await house.receive(made.tls_letter("local.test"))
    tls, dmarc_one = await came(office)
    assert (dmarc_one.kind, dmarc_one.domain, dmarc_one.total, dmarc_one.failed) == (
        ReportKind.DMARC, "local.test", 3, 2,
    )  # fmt: skip
    assert (tls.kind, tls.total, tls.failed, tls.submitter) == (ReportKind.TLS, 7, 2, "remote.test")
    assert tls.tenant_id == house.account.tenant.id
    assert tls.inbox_id == house.account.inbox.id
    assert not tls.is_authenticated
    opened = await office.opened(dmarc_one)
    assert opened.rows == 2
    assert opened.content["rows"][0]["signatures"][0]["domain"] == "local.test"
    opened = await office.opened(tls)
    assert opened.content["policies"][0]["details"][0]["sentence"] == "The certificate has expired."


@pytest.mark.parametrize(
    ("filename", "content_type", "pack"),
    [
        ("google.com!local.test!1!2.zip", "application/zip", lambda raw: made.zipped(**{"a.xml": raw})),
        ("x!local.test!1!2!3.xml.gz", "application/gzip", gzip.compress),
        ("x!local.test!1!2.xml", "text/xml", bytes),
        ("x!local.test!1!2.gz", "application/octet-stream", gzip.compress),
    ],
)
async def test_a_message_that_is_nothing_but_the_file_is_read(house, office, filename, content_type, pack):
    raw = dmarc_report.write(made.dmarc("local.test"))
    for subject in ("Report domain: local.test Submitter: x", "no words"):
        await house.receive(made.only_file(pack(raw), filename, content_type, subject))
    (found,) = await came(office)
    assert found.total == 3


async def test_reports_about_others_domains_are_mail_and_no_more(house, office):
    await house.services.bootstrap.run("other.test", "agent@other.test", "correct horse battery")
    await house.receive(made.dmarc_letter("other.test"))  # to local.test's inbox
    await house.receive(made.dmarc_letter("local.test"), to=["agent@other.test"])
    await house.receive(made.dmarc_letter("stranger.test"))
    await house.receive(made.dmarc_letter("test"))
    assert await came(office) == []
    await house.receive(made.dmarc_letter("news.local.test"))
    (found,) = await came(office)
    assert found.domain == "news.local.test"


async def test_a_repeated_report_is_kept_once_and_a_proven_one_replaces_a_forged_one(house, office):
    await house.receive(made.dmarc_letter("local.test", rows=5))
    await house.receive(made.dmarc_letter("local.test", rows=1))
    (found,) = await came(office)
    assert (found.total, found.is_authenticated) == (15, False)
    message = await house.receive(made.dmarc_letter("local.test", rows=3))
    await house.settled()
    await judge(house, message, "pass")
    (found,) = await came(office)
    assert (found.total, found.is_authenticated) == (6, True)
    await house.receive(made.dmarc_letter("local.test", rows=2))
    (found,) = await came(office)
    assert (found.total, found.is_authenticated) == (6, True)


async def judge(house, message, result, signature="fail"):
    from mailserver.entities import identifiers
    from mailserver.entities.identifiers import Kind

    verdict = {
        "authentication": {"dmarc": {"result": result}, "dkim": [{"result": signature, "domain": "remote.test"}]}
    }
    number = identifiers.decode(Kind.MESSAGE, message)
    await house.store.database.write(
        lambda tx: tx.execute("INSERT OR REPLACE INTO verdict VALUES (?, ?)", (number, orjson.dumps(verdict).decode()))
    )


@pytest.mark.parametrize(
    ("result", "signature", "proven"), [("pass", "fail", True), ("none", "pass", True), ("none", "fail", False)]
)
async def test_who_has_sent_a_report_is_proven_by_dmarc_or_by_a_signature(house, office, result, signature, proven):
    message = await house.receive(made.dmarc_letter("local.test"))
    await house.settled()
    await judge(house, message, result, signature)
    (found,) = await came(office)
    assert found.is_authenticated is proven


TRAPS = {
    "bomb": made.only_file(gzip.compress(b"\0" * (50 << 20)), "x!local.test!1!2.xml.gz", "application/gzip"),
    "laughs": made.only_file(b'<!DOCTYPE a [<!ENTITY b "c">]><feedback>&b;</feedback>', "x!y!1!2.xml", "text/xml"),
    "cut": made.dmarc_letter("local.test")[:-200] + b"\r\n",
    "no file": b"From: a@remote.test\r\nSubject: Report Domain: local.test\r\n\r\nNothing.\r\n",
    "nul": made.only_file(b"<feedback>\0</feedback>", "x!local.test!1!2.xml", "text/xml"),
    "deep": made.only_file(b"<a>" * 100_000, "x!local.test!1!2.xml", "text/xml"),
    "json": made.only_file(b"[" * 500_000, "x!local.test!1!2.json", "application/tlsrpt+json"),
    "two authors": made.dmarc_letter("local.test").replace(b"From: ", b"From: a@b.test, ", 1),
}


async def test_traps_are_ordinary_mail_and_the_next_report_is_read(house, office):
    for raw in TRAPS.values():
        await house.receive(raw)
    await house.receive(made.dmarc_letter("local.test", "good"))
    found = await came(office)
    assert {each.report_id for each in found} == {"r1", "good"}  # "two authors" has a file that is whole
    assert {each.submitter for each in found} == {"", "remote.test"}
    assert await house.rows("SELECT COUNT(*) FROM message") == [(len(TRAPS) + 1,)]
    before = await house.rows("SELECT * FROM report_read ORDER BY message_id")
    assert len(before) == len(TRAPS) + 1
    assert await office.reading.run() == 0
    assert await house.rows("SELECT * FROM report_read ORDER BY message_id") == before


async def test_nothing_is_read_twice_or_missed_by_several_nodes_or_after_a_crash(house, clock):
    nodes = [Office(house, clock, FakeResolver(), node=number) for number in range(3)]
    await house.receive(made.dmarc_letter("local.test", "r0"))
    await house.settled()
    part = await house.store.database.read(reports.stretch, 0, 10_000)
    (candidate,) = part.candidates
    crashed = nodes[0].reading
    found = crashed._read(candidate)  # read, and then the power went
    assert found.domain == "local.test"
    for number in range(1, 12):
        await house.receive(made.dmarc_letter("local.test", f"r{number}"))
        if number % 4 == 0:
            await house.settled()
            await asyncio.gather(*(node.reading.run() for node in nodes))
    listed = await came(nodes[1])
    assert len(listed) == 12
    assert len({each.message_id for each in listed}) == 12
    report = nodes[0].reading._stored(candidate, found, is_authenticated=False)
    assert await house.store.database.write(reports.receive, report, found.body, clock()) == "read"


async def test_a_tenant_has_so_many_reports_a_day(house, office, monkeypatch):
    monkeypatch.setattr(reports, "MOST_A_DAY", 3)
    for number in range(5):
        await house.receive(made.dmarc_letter("local.test", f"r{number}"))
    assert len(await came(office)) == 3


async def test_our_own_report_to_an_inbox_here_is_proven(house, office):
    record = "v=DMARC1; p=reject; rua=mailto:postmaster@local.test"
    office.collector.dmarc(
        envelope("x@evil.test"), findings("local.test", "fail", record, asked="reject"), "reject", ""
    )
    assert await office.daily.send(with_today=True) == {"made": 1, "sent": 1}
    (job,) = await house.services.queue.page()
    path = house.store.files.path(job.message.location)
    delivery = job.deliveries[0]
    outcome = await house.assembled.local.deliver(path, job.message.sender, delivery.recipient, delivery.id)
    assert type(outcome).__name__ == "Delivered"
    (found,) = await came(office)
    assert (found.domain, found.total, found.failed, found.is_authenticated, found.submitter) == (
        "local.test", 1, 1, True, "local.test",
    )  # fmt: skip
