import asyncio

import pytest

from mailserver.entities.transport import ResultType
from mailserver.fetch import CertificateRejected, Fetched, FetchFailed
from mailserver.mail.mtasts import Mode
from mailserver.services.outbound.transport import StsPolicies
from mailserver.storage import sqlite, transport
from mailserver.storage.database import Database
from tests.support.outgoing import Clock
from tests.support.zone import FAILS, FakeResolver

DAY = 86_400
ENFORCE = "version: STSv1\nmode: enforce\nmx: mx.far.test\nmax_age: 604800\n"
NAME = "_mta-sts.far.test"


class Web:
    """Answers with what it is told, or raises it."""

    def __init__(self, answer=ENFORCE):
        self.answer, self.asked, self.gate = answer, [], None

    async def get(self, url, *, limit_bytes, timeout_seconds, port, trust):
        self.asked.append((url, limit_bytes, timeout_seconds, port, trust))
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, Fetched):
            return self.answer
        return Fetched(200, "text/plain", {}, self.answer.encode())

    async def was_asked(self, times):
        async with asyncio.timeout(30):
            while len(self.asked) < times:
                await asyncio.sleep(0.01)


class Node:
    def __init__(self, database, clock, web, resolver):
        self.database, self.clock, self.web, self.resolver = database, clock, web, resolver
        self.policies = StsPolicies(database, resolver, web, clock)

    def announce(self, number):
        self.resolver.texts[NAME] = FAILS if number is FAILS else [f"v=STSv1; id={number};"] if number else []

    async def find(self):
        return await self.policies.find("far.test")

    async def mode(self):
        found = await self.find()
        return found.policy.mode if found.policy else None


@pytest.fixture
async def nodes(tmp_path):
    """`nodes()` is another node on the same database."""
    base = sqlite.connect(tmp_path / "test.db")
    sqlite.migrate(base)
    clock = Clock()
    async with Database(base, lambda _topic: None).running() as database:
        yield lambda: Node(database, clock, Web(), FakeResolver(txt={NAME: ["v=STSv1; id=1;"]}))


@pytest.fixture
async def node(nodes):
    return nodes()


async def test_a_policy_is_fetched_once_and_kept(node):
    found = await node.find()
    assert (found.policy.mode, found.policy.hosts, found.fault) == (Mode.ENFORCE, ("mx.far.test",), None)
    assert found.lines == tuple(ENFORCE.split("\n"))[:4]
    await node.find()
    assert node.web.asked == [("https://mta-sts.far.test/.well-known/mta-sts.txt", 65_536, 60.0, None, None)]


async def test_a_domain_that_announces_none_costs_no_fetch_and_one_question_to_the_database(node):
    node.announce(None)
    reads = 0
    read = node.database.read

    async def counted(*arguments):
        nonlocal reads
        reads += 1
        return await read(*arguments)

    node.database.read = counted
    for _ in range(3):
        assert await node.find() == (await node.find())
        assert await node.mode() is None
    assert node.web.asked == []
    assert reads == 1


async def test_a_new_id_fetches_anew(node):
    await node.find()
    node.web.answer = ENFORCE.replace("enforce", "testing")
    assert await node.mode() is Mode.ENFORCE
    node.announce(2)
    assert await node.mode() is Mode.TESTING
    assert len(node.web.asked) == 2


@pytest.mark.parametrize("announced", [None, FAILS])
async def test_a_kept_policy_holds_where_the_record_is_gone_or_dns_silent(node, announced):
    await node.find()
    node.announce(announced)
    assert await node.mode() is Mode.ENFORCE
    node.clock.advance(8 * DAY)
    assert await node.mode() is None


async def test_a_kept_policy_holds_where_a_new_one_cannot_be_fetched(node):
    await node.find()
    node.announce(2)
    node.web.answer = FetchFailed("mta-sts.far.test is away")
    for _ in range(3):
        assert await node.mode() is Mode.ENFORCE
    assert len(node.web.asked) == 2  # the failure is remembered for minutes
    node.clock.advance(301)
    assert await node.mode() is Mode.ENFORCE
    assert len(node.web.asked) == 3


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (FetchFailed("away"), ResultType.STS_POLICY_FETCH_ERROR),
        (CertificateRejected("of somebody else"), ResultType.STS_WEBPKI_INVALID),
        (Fetched(404, "text/plain", {}, ENFORCE.encode()), ResultType.STS_POLICY_FETCH_ERROR),
        (Fetched(301, "text/plain", {"location": "/x"}, b""), ResultType.STS_POLICY_FETCH_ERROR),
        (Fetched(204, "text/plain", {}, ENFORCE.encode()), ResultType.STS_POLICY_FETCH_ERROR),
        (Fetched(200, "text/html", {}, ENFORCE.encode()), ResultType.STS_POLICY_FETCH_ERROR),
        (Fetched(200, "text/plain", {}, b"nonsense"), ResultType.STS_POLICY_INVALID),
    ],
)
async def test_a_policy_that_cannot_be_had_is_none_but_its_fault_is_known(node, answer, result):
    node.web.answer = answer
    for _ in range(2):
        found = await node.find()
        assert (found.policy, found.fault.result) == (None, result)
        assert found.fault.text
    assert len(node.web.asked) == 1
    node.clock.advance(301)
    node.web.answer = ENFORCE
    assert await node.mode() is Mode.ENFORCE


async def test_a_new_id_is_tried_at_once_although_the_last_one_failed(node):
    node.web.answer = FetchFailed("away")
    await node.find()
    node.announce(2)
    node.web.answer = ENFORCE
    assert await node.mode() is Mode.ENFORCE


async def test_mode_none_takes_the_policy_away(node):
    await node.find()
    node.announce(2)
    node.web.answer = "version: STSv1\nmode: none\nmax_age: 86400\n"
    for _ in range(2):
        found = await node.find()
        assert (found.policy, found.fault) == (None, None)
    assert len(node.web.asked) == 2
    node.announce(None)
    assert await node.mode() is None


async def test_many_who_want_to_know_cause_one_fetch(node):
    node.web.gate = asyncio.Event()
    asking = [asyncio.create_task(node.mode()) for _ in range(20)]
    await node.web.was_asked(1)
    asking[0].cancel()  # whoever asked first may go, and the next one asks in his place
    await node.web.was_asked(2)
    node.web.gate.set()
    assert set(await asyncio.gather(*asking[1:])) == {Mode.ENFORCE}
    assert len(node.web.asked) == 2


async def test_nodes_share_what_one_has_fetched(nodes):
    first, second = nodes(), nodes()
    await first.find()
    assert await second.mode() is Mode.ENFORCE
    assert second.web.asked == []
    first.announce(2)
    second.announce(2)
    first.web.answer = ENFORCE.replace("enforce", "testing")
    await first.find()
    assert await second.mode() is Mode.TESTING
    assert second.web.asked == []


async def test_a_policy_that_ends_soon_is_fetched_again_before_it_does(node):
    await node.find()
    node.clock.advance(6.5 * DAY)
    await node.find()
    assert len(node.web.asked) == 2
    node.clock.advance(5 * DAY)  # eleven and a half days: the second fetch counts
    assert await node.mode() is Mode.ENFORCE
    assert len(node.web.asked) == 2


async def test_policies_in_use_are_refreshed_daily_without_any_mail(node):
    await node.find()
    assert await node.policies.refresh() == 0
    for day in range(1, 6):
        node.clock.advance(DAY + 60)
        assert await node.policies.refresh() == 1
        assert len(node.web.asked) == 1 + day
    node.announce(None)
    assert await node.mode() is Mode.ENFORCE
    (row,) = await node.database.read(lambda snapshot: snapshot.all("SELECT expires_at FROM sts_policy"))
    assert row[0] > node.clock() + 6 * DAY * 1000


async def test_two_nodes_do_not_refresh_the_same(nodes):
    first, second = nodes(), nodes()
    await first.find()
    first.clock.advance(DAY + 60)
    assert sorted(await asyncio.gather(first.policies.refresh(), second.policies.refresh())) == [0, 1]


async def test_a_refresh_that_fails_leaves_the_policy(node):
    await node.find()
    node.web.answer = FetchFailed("away")
    node.clock.advance(DAY + 60)
    await node.policies.refresh()
    node.clock.advance(5 * DAY)
    node.announce(FAILS)
    assert await node.mode() is Mode.ENFORCE


async def test_what_nobody_needs_runs_out_and_is_removed(node):
    node.web.answer = ENFORCE.replace("604800", str(40 * DAY))
    await node.find()
    node.clock.advance(31 * DAY)
    assert await node.policies.refresh() == 0
    node.clock.advance(10 * DAY)
    await node.policies.refresh()
    assert await node.database.read(transport.policy, "far.test") is None


async def test_an_older_policy_does_not_replace_a_younger(node):
    await node.find()
    kept = await node.database.read(transport.policy, "far.test")
    older = type(kept)(kept.domain, "0", b"old", kept.fetched_at - 1, kept.expires_at + 1)
    await node.database.write(transport.keep, older, node.clock())
    assert (await node.database.read(transport.policy, "far.test")).policy_id == "1"
