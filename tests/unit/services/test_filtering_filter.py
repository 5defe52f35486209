"""The filter from every side: lists, HELO, words, correspondents, greylist, and what happens when a check fails."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailserver.entities.verdict import Action, Reason, Thresholds
from mailserver.mail import spam_signs
from mailserver.mail.resolver import LookupFailed
from mailserver.services.filtering import bayes as words
from mailserver.services.filtering import dns_lists, greylist
from mailserver.services.filtering.dns_lists import DnsLists
from mailserver.services.filtering.evidence import Finding
from mailserver.services.filtering.filter import Filter
from mailserver.services.filtering.greylist import Greylist
from mailserver.storage import bayes, correspondents, sqlite
from mailserver.storage.bayes import Counts
from mailserver.storage.database import Database
from tests.support.evidence import FULL, evidence
from tests.support.zone import FAILS, FakeResolver

NOW = 1_795_255_200_000
HOSTS = {"mx.remote.test": ["203.0.113.9"]}
ZEN = dns_lists.parse("zen.test", {"127.0.0.2-9": 4.0, "127.0.0.10-11": 1.5})
WELCOME = dns_lists.parse("welcome.test", {"127.0.*.0": -0.5, "127.0.*.1-3": -2.0})
NAMES = dns_lists.parse("names.test", {"&2": 3.0, "&8": 1.0}, "domain")
LISTED = "9.113.0.203"


class Made:
    def __init__(self, base, executor):
        self.base, self.executor, self.now = base, executor, NOW

    def filter(self, hosts=None, lists=(ZEN, WELCOME, NAMES), scanners=(), grey=False, resolver=None, **more):
        resolver = resolver or FakeResolver(hosts={**HOSTS, **(hosts or {})})
        self.resolver = resolver
        grey = Greylist(self.base, lambda: self.now) if grey else None
        return Filter(
            self.base, resolver, self.executor, DnsLists(lists, resolver), "mail.local.test", lambda: self.now,
            Thresholds(), grey, scanners, **more,
        )  # fmt: skip


@pytest.fixture
async def made(tmp_path):
    raw = sqlite.connect(tmp_path / "x.db")
    sqlite.migrate(raw)
    with ThreadPoolExecutor(2) as executor:
        async with Database(raw, lambda _: None).running() as base:
            yield Made(base, executor)


def scores(assessment):
    return {reason.name: reason.score for reason in assessment.reasons}


async def test_an_ordinary_message_has_no_reason_at_all(made):
    found = await made.filter().assess(evidence())
    assert (found.score, found.reasons, found.action, found.wait_seconds) == (0, (), Action.NONE, 0)


async def test_a_listed_peer_counts_by_what_the_list_says(made):
    found = await made.filter({f"{LISTED}.zen.test": ["127.0.0.4", "127.0.0.10", "127.0.0.3"]}).assess(evidence())
    assert scores(found) == {"PEER_IN_BLOCKLIST": 5.5}
    assert found.action is Action.JUNK
    assert "zen.test" in found.reasons[0].detail
    found = await made.filter({f"{LISTED}.welcome.test": ["127.0.5.3"]}).assess(evidence())
    assert scores(found) == {"PEER_IN_WELCOME_LIST": -2.0}


async def test_ipv6_is_asked_by_its_nibbles(made):
    label = "1." + "0." * 23 + "8.b.d.0.1.0.0.2"
    found = await made.filter({f"{label}.zen.test": ["127.0.0.2"]}).assess(evidence(peer="2001:db8::1"))
    assert scores(found) == {"PEER_IN_BLOCKLIST": 4.0}


async def test_domains_of_links_and_of_the_author_are_asked_by_bits(made):
    raw = FULL + b"http://www.shop.evil.test/x and https://sub.other.co.uk/\r\n"
    hosts = {"evil.test.names.test": ["127.0.0.10"], "other.co.uk.names.test": ["127.0.0.8"]}
    filter_ = made.filter(hosts)
    found = await filter_.assess(evidence(raw))
    assert scores(found) == {"URL_IN_BLOCKLIST": 4.0}
    assert "evil.test" in found.reasons[0].detail
    found = await made.filter({"remote.test.names.test": ["127.0.0.2"]}).assess(evidence())
    assert scores(found) == {"URL_IN_BLOCKLIST": 3.0}


async def test_answers_from_elsewhere_and_unknown_codes_count_nothing(made):
    for answer in ("203.0.113.1", "127.0.0.99", "198.51.100.4"):
        found = await made.filter({f"{LISTED}.zen.test": [answer]}).assess(evidence())
        assert found.reasons == ()


async def test_a_list_that_lists_everything_is_left_alone(made):
    hosts = {f"{LISTED}.zen.test": ["127.0.0.2"], "1.0.0.127.zen.test": ["127.0.0.2"]}
    filter_ = made.filter(hosts)
    assert (await filter_.assess(evidence())).reasons == ()
    asked = made.resolver.asked["family4", f"{LISTED}.zen.test"]
    assert (await filter_.assess(evidence())).reasons == ()
    assert made.resolver.asked["family4", f"{LISTED}.zen.test"] == asked
    assert made.resolver.asked["family4", f"{LISTED}.welcome.test"] == 2


async def test_a_list_that_refuses_this_resolver_is_left_alone(made):
    filter_ = made.filter({f"{LISTED}.zen.test": ["127.255.255.254"]}, lists=[dns_lists.parse("zen.test", {"*": 4.0})])
    assert (await filter_.assess(evidence())).reasons == ()
    await filter_.assess(evidence())
    assert made.resolver.asked["family4", f"{LISTED}.zen.test"] == 1


async def test_a_list_that_does_not_answer_is_left_alone_for_a_while_and_then_asked_again():
    hosts = {f"{LISTED}.zen.test": FAILS}
    resolver = FakeResolver(hosts=hosts)
    now = [0.0]
    lists = DnsLists([ZEN], resolver, lambda: now[0])
    peer = dns_lists.ipaddress.ip_address("203.0.113.9")
    for _ in range(10):
        assert await lists.address(peer) == ()
    assert resolver.asked["family4", f"{LISTED}.zen.test"] == dns_lists.FAILURES
    now[0] = dns_lists.OFF_SECONDS + 1
    hosts[f"{LISTED}.zen.test"] = ["127.0.0.2"]
    assert [reason.score for reason in await lists.address(peer)] == [4.0]


async def test_a_slow_list_does_not_hide_what_another_says(made, monkeypatch):
    class Slow(FakeResolver):
        async def family(self, host, version):
            if host.endswith("welcome.test"):
                await asyncio.sleep(60)
            return await super().family(host, version)

    monkeypatch.setattr(dns_lists, "ANSWER_SECONDS", 0.1)
    resolver = Slow(hosts={**HOSTS, f"{LISTED}.zen.test": ["127.0.0.2"]})
    found = await made.filter(resolver=resolver).assess(evidence())
    assert scores(found) == {"PEER_IN_BLOCKLIST": 4.0}


@pytest.mark.parametrize("code", ["", "127.0.0", "128.0.0.1", "127.0.0.300", "127.0.0.9-3", "&0", "&256", "&x", "x"])
def test_a_code_that_cannot_be_read_is_told_by_name(code):
    with pytest.raises(ValueError, match=r"zen\.test"):
        dns_lists.parse("zen.test", {code: 1.0})


def test_a_list_without_codes_or_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="no codes"):
        dns_lists.parse("zen.test", {})
    with pytest.raises(ValueError, match="kind"):
        dns_lists.parse("zen.test", {"*": 1.0}, "colour")


@pytest.mark.parametrize(
    ("helo", "name"),
    [
        ("mail.local.test", "HELO_IS_US"), ("[203.0.113.9]", "HELO_ADDRESS"), ("203.0.113.9", "HELO_ADDRESS"),
        ("localhost", "HELO_NO_NAME"), ("gone.remote.test", "HELO_UNKNOWN"), ("mx.remote.test", None),
    ],
)  # fmt: skip
async def test_what_the_peer_calls_itself_counts_a_little(made, helo, name):
    found = await made.filter().assess(evidence(helo=helo))
    assert set(scores(found)) == ({name} if name else set())
    assert found.score <= 2.5


async def test_a_name_that_dns_does_not_tell_of_counts_nothing(made):
    found = await made.filter({"gone.remote.test": FAILS}).assess(evidence(helo="gone.remote.test"))
    assert found.reasons == ()


async def test_nothing_is_held_against_the_connection_of_who_logged_in_or_is_near(made):
    hosts = {f"{LISTED}.zen.test": ["127.0.0.4"], "1.0.0.127.zen.test": ["127.0.0.2"]}
    for about in (
        {"is_authenticated": True, "spf": "fail", "dmarc": "fail", "iprev": "fail"},
        {"peer": "127.0.0.1", "iprev": "fail"},
        {"peer": "::ffff:192.168.1.4"},
    ):
        found = await made.filter(hosts, grey=True).assess(evidence(helo="laptop", **about))
        assert (found.reasons, found.wait_seconds) == ((), 0), about


async def test_authentication_that_fails_counts_and_that_is_missing_does_not(made):
    found = await made.filter().assess(evidence(spf="fail", dkim="fail", dmarc="fail", iprev="fail"))
    assert set(scores(found)) == {"SPF_FAIL", "DKIM_BROKEN", "DMARC_FAIL", "NO_REVERSE_DNS"}
    assert (await made.filter().assess(evidence(spf="none", dkim="none"))).reasons == ()
    assert (await made.filter().assess(evidence(spf="temperror", dkim="temperror", dmarc="temperror"))).reasons == ()


async def test_the_worst_of_a_careless_sender_is_not_junk(made):
    found = await made.filter().assess(evidence(b"Subject: hi\r\n\r\nhi\r\n", helo="localhost", iprev="fail"))
    assert 0 < found.score < 3


async def test_the_test_string_is_refused(made):
    found = await made.filter().assess(evidence(FULL + spam_signs.GTUBE))
    assert (found.score, found.action) == (1000, Action.REJECT)


async def test_whom_an_inbox_wrote_to_is_welcome_there_and_a_forger_is_not(made):
    await made.base.write(correspondents.note, 1, ["ann@remote.test"], NOW)
    filter_ = made.filter()
    proven = {"spf": "pass", "proves_author": True}
    assert scores(await filter_.assess(evidence(dmarc="pass", **proven))) == {"KNOWN_CORRESPONDENT": -3.0}
    assert scores(await filter_.assess(evidence())) == {"KNOWN_CORRESPONDENT": -1.0}
    somebody = await filter_.assess(evidence(spf="pass"))  # whoever it is, it is not the author's domain
    assert scores(somebody) == {"KNOWN_CORRESPONDENT": -1.0}
    assert "KNOWN_CORRESPONDENT" not in scores(await filter_.assess(evidence(spf="fail", dmarc="fail")))
    several = await filter_.assess(evidence(inboxes=(1, 2), **proven))
    assert several.reasons == ()
    assert scores(several.for_inbox(1)) == {"KNOWN_CORRESPONDENT": -3.0}
    assert several.for_inbox(2).reasons == ()


async def test_the_words_of_an_inbox_count_for_it_alone(made):
    from mailserver.mail import sample, tokens

    lunch = FULL.replace(b"noon?", b"noon in the garden restaurant behind the station, together with everybody?")
    junk = FULL.replace(b"Shall we meet at noon?", b"cheap pills casino winner lottery million transfer urgent")
    fine = tokens.of(sample.read(lunch))
    bad = tokens.of(sample.read(junk))
    for number in range(1, 61):
        await made.base.write(bayes.ask, number, 1, bool(number % 2), number)
    while lessons := await made.base.read(bayes.open_lessons, 100):
        for lesson in lessons:
            await made.base.write(bayes.learn, lesson, bad if lesson.wanted == bayes.SPAM else fine, 1)
    found = await made.filter().assess(evidence(junk))
    assert scores(found)["BAYES_JUNK"] > 3
    assert scores(await made.filter().assess(evidence(lunch)))["BAYES_WANTED"] < -2
    assert (await made.filter().assess(evidence(junk, inboxes=(2,)))).reasons == ()
    several = await made.filter().assess(evidence(junk, inboxes=(1, 2)))
    assert several.reasons == ()
    assert "BAYES_JUNK" in scores(several.for_inbox(1))


class TestGreylisted:
    async def test_a_stranger_is_asked_to_come_back_and_then_let_in(self, made):
        filter_ = made.filter(grey=True)
        assert (await filter_.assess(evidence())).wait_seconds == 300
        made.now += 100_000
        assert (await filter_.assess(evidence(peer="203.0.113.77"))).wait_seconds == 200
        made.now += 250_000
        assert (await filter_.assess(evidence())).wait_seconds == 0
        assert (await filter_.assess(evidence(sender="other@remote.test"))).wait_seconds == 300
        assert (await filter_.assess(evidence(sender=None))).wait_seconds == 300

    async def test_who_is_vouched_for_welcome_or_written_to_does_not_wait(self, made):
        hosts = {f"{LISTED}.welcome.test": ["127.0.5.3"]}
        assert (await made.filter(hosts, grey=True).assess(evidence())).wait_seconds == 0
        for about in ({"spf": "pass"}, {"dkim": "pass"}):
            assert (await made.filter(grey=True).assess(evidence(**about))).wait_seconds == 0
        await made.base.write(correspondents.note, 1, ["ann@remote.test"], NOW)
        assert (await made.filter(grey=True).assess(evidence())).wait_seconds == 0

    async def test_what_is_junk_anyway_does_not_come_back_for_nothing(self, made):
        hosts = {f"{LISTED}.zen.test": ["127.0.0.2", "127.0.0.11"]}
        found = await made.filter(hosts, grey=True).assess(evidence())
        assert (found.action, found.wait_seconds) == (Action.JUNK, 0)

    async def test_rows_are_swept(self, made):
        filter_ = made.filter(grey=True)
        await filter_.assess(evidence())
        made.now += 3 * 86_400_000
        await filter_.sweep()
        assert await made.base.read(lambda snapshot: snapshot.all("SELECT * FROM greylist")) == []

    def test_a_network_stands_for_a_peer(self):
        assert greylist.network("203.0.113.9") == "203.0.113.0/24"
        assert greylist.network("::ffff:203.0.113.9") == "203.0.113.0/24"
        assert greylist.network("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"
        assert greylist.network("unknown") == "unknown"


class Scanner:
    name = "scanner"

    def __init__(self, finding=None, error=None, takes=0.0, timeout_seconds=0.2):
        self.finding, self.error, self.takes, self.timeout_seconds = finding, error, takes, timeout_seconds

    async def scan(self, _):
        await asyncio.sleep(self.takes)
        if self.error:
            raise self.error
        return self.finding


async def test_a_check_that_fails_or_hangs_leaves_the_others(made):
    scanners = [
        Scanner(error=ValueError("a defect")), Scanner(error=LookupFailed("x")), Scanner(takes=60),
        Scanner(Finding((Reason("GOOD_SCANNER", 1.0, "Found."),))),
    ]  # fmt: skip
    started = time.monotonic()
    found = await made.filter(scanners=scanners).assess(evidence(spf="softfail"))
    assert time.monotonic() - started < 30
    assert set(scores(found)) == {"GOOD_SCANNER", "SPF_SOFTFAIL"}


async def test_everything_ends_at_the_deadline_with_what_was_found(made):
    class Silent(FakeResolver):
        async def family(self, host, version):
            await asyncio.sleep(60)

    filter_ = made.filter(resolver=Silent(), scanners=[Scanner(takes=60, timeout_seconds=60)], deadline_seconds=1.5)
    started = time.monotonic()
    found = await filter_.assess(evidence(FULL + spam_signs.GTUBE))
    assert time.monotonic() - started < 30
    assert "GTUBE" in scores(found)


async def test_a_database_that_is_away_costs_no_message(made):
    made.base = Database(sqlite.connect("/nonexistent/x.db"), lambda _: None)
    found = await made.filter(grey=True).assess(evidence(spf="softfail"))
    assert set(scores(found)) == {"SPF_SOFTFAIL"}
    assert found.wait_seconds == 0


async def test_the_loop_turns_while_a_large_message_is_read(made):
    raw = FULL + b"".join(b"word%d http://x%d.test/ " % (i, i) for i in range(2_000_000 // 20)) + b"x" * 50_000_000
    pauses = [0.0]

    async def watch():
        last = time.process_time()  # of this process: others may want the processor
        while True:
            await asyncio.sleep(0.001)
            now = time.process_time()
            pauses.append(now - last)
            last = now

    given = evidence(raw)
    watching = asyncio.create_task(watch())
    longest = []
    for _ in range(5):
        pauses[:] = [0.0]
        await made.filter(lists=()).assess(given)
        longest.append(max(pauses))
    watching.cancel()
    assert sorted(longest)[2] < 0.25, longest  # 50 ms, on a machine that is some times slower


def test_words_that_say_nothing_say_nothing():
    assert words.probability(Counts(20, 20, ())) == 0.5
    assert words.probability(Counts(20, 20, ((10, 10),) * 100)) == 0.5
    assert words.probability(Counts(20, 20, ((0, 20),) * 4)) == 0.5
    assert words.judge(0.5) is None


def test_odds_go_to_the_ends_and_never_beyond():
    assert words.probability(Counts(100, 100, ((0, 100),) * 1000)) > 0.999
    assert words.probability(Counts(100, 100, ((100, 0),) * 1000)) < 0.001
    assert 0.4 < words.probability(Counts(100, 100, ((0, 100), (100, 0)) * 100)) < 0.6
    assert words.judge(1.0).score == 4.0  # not enough for Junk by itself
    assert words.judge(1.0, is_seasoned=True).score > 5.0
    assert words.judge(0.98, is_seasoned=True).score < 4.0
    assert words.judge(0.0).score == -3.0
