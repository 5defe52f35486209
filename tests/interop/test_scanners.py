"""The real rspamd and the real clamd, and the filter when they are slow, wrong or gone."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailserver.entities.verdict import Action, Thresholds
from mailserver.services.filtering.clamav import TIMEOUT_SECONDS, Clamav
from mailserver.services.filtering.dns_lists import DnsLists
from mailserver.services.filtering.evidence import ScannerProblem
from mailserver.services.filtering.filter import Filter
from mailserver.services.filtering.rspamd import Rspamd
from tests.support import clamd, rspamd
from tests.support.evidence import FULL, evidence
from tests.support.ports import free_port
from tests.support.rspamd import PlainPoster
from tests.support.zone import FakeResolver

needs_rspamd = pytest.mark.skipif(rspamd.missing() is not None, reason=str(rspamd.missing()))
needs_clamd = pytest.mark.skipif(clamd.missing() is not None, reason=str(clamd.missing()))


@pytest.fixture
def judge():
    with ThreadPoolExecutor(2) as executor:

        def made(*scanners):
            resolver = FakeResolver(hosts={"mx.remote.test": ["203.0.113.9"]})
            lists = DnsLists([], resolver)
            now = lambda: 1_795_255_200_000
            return Filter(None, resolver, executor, lists, "mail.local.test", now, Thresholds(), scanners=scanners)

        yield made


def body(words):
    return FULL.replace(b"Shall we", words + b" we")


@needs_rspamd
async def test_rspamd_s_words_become_reasons_and_its_action_the_least_that_is_done(tmp_path, judge):
    async with rspamd.RspamdServer(tmp_path) as server:
        filter_ = judge(Rspamd(PlainPoster(), server.url))

        async def ask(words, **more):
            return await filter_.assess(evidence(body(words), inboxes=(), **more))

        plain = await ask(b"Shall")
        assert (plain.action, plain.score, plain.wait_seconds) == (Action.NONE, 0.0, 0)
        junk = await ask(b"abrakadabra", queue_id="q17", is_authenticated=True, login="agent@local.test")
        assert junk.action is Action.JUNK
        assert [(one.name, one.score, one.detail) for one in junk.reasons] == [
            ("RSPAMD_WORD_JUNK", 7.0, "The junk word is there")
        ]
        grey = await ask(b"hokuspokus")
        assert (grey.action, grey.wait_seconds) == (Action.NONE, 300)
        assert (await ask(b"simsalabim")).action is Action.REJECT
        good = await ask(b"friendly")
        assert good.score == -2.0
        both = await ask(b"abrakadabra friendly")
        assert {one.name: one.score for one in both.reasons} == {"RSPAMD_WORD_JUNK": 7.0, "RSPAMD_WORD_GOOD": -2.0}
        assert "q17" in server.log()
        assert "agent@local.test" in server.log()


@needs_rspamd
async def test_rspamd_gets_a_large_message_as_a_stream(tmp_path, judge):
    async with rspamd.RspamdServer(tmp_path) as server:
        large = FULL + b"line after line\r\n" * 60_000 + b"abrakadabra\r\n"
        assert len(large) > 1_000_000
        found = await Rspamd(PlainPoster(), server.url).scan(evidence(large))
        assert [one.name for one in found.reasons] == ["RSPAMD_WORD_JUNK"]


@needs_rspamd
async def test_what_a_stranger_calls_itself_cannot_break_the_request(tmp_path):
    async with rspamd.RspamdServer(tmp_path) as server:
        found = await Rspamd(PlainPoster(), server.url).scan(
            evidence(body(b"abrakadabra"), helo="mx\r\nUser: root\x00é", sender="grüße@remote.test")
        )
        assert [one.name for one in found.reasons] == ["RSPAMD_WORD_JUNK"]


@needs_clamd
async def test_clamd_finds_the_test_file_and_the_message_is_refused_or_junk(tmp_path, judge):
    async with clamd.ClamdServer(tmp_path) as server:
        bad = FULL + clamd.EICAR
        refusing = judge(Clamav("127.0.0.1", server.port))
        assessed = await refusing.assess(evidence(bad, inboxes=()))
        assert assessed.action is Action.REJECT
        assert assessed.reasons[0].detail == "ClamAV found Test.Eicar.UNOFFICIAL."
        assert (await refusing.assess(evidence(inboxes=()))).action is Action.NONE
        lenient = judge(Clamav("127.0.0.1", server.port, refuses=False))
        assert (await lenient.assess(evidence(bad, inboxes=()))).action is Action.JUNK


@needs_clamd
async def test_clamd_gets_five_megabytes_and_finds_what_lies_at_their_end(tmp_path):
    async with clamd.ClamdServer(tmp_path) as server:
        large = FULL + b"line after line\r\n" * 310_000 + clamd.EICAR
        assert len(large) > 5_000_000
        found = await Clamav("127.0.0.1", server.port, timeout_seconds=60).scan(evidence(large))
        assert found.floor is Action.REJECT


@needs_clamd
async def test_more_than_clamd_takes_is_a_problem_and_more_than_we_send_is_not_sent(tmp_path, judge):
    async with clamd.ClamdServer(tmp_path, most="1M") as server:
        large = FULL + b"line after line\r\n" * 310_000
        with pytest.raises(ScannerProblem):
            await Clamav("127.0.0.1", server.port).scan(evidence(large))
        assert (await judge(Clamav("127.0.0.1", server.port)).assess(evidence(large, inboxes=()))).action is Action.NONE
        found = await Clamav("127.0.0.1", server.port, max_bytes=1_000_000).scan(evidence(large))
        assert found.reasons == ()


async def test_scanners_that_are_gone_give_no_points(judge):
    gone = free_port()
    filter_ = judge(Clamav("127.0.0.1", gone), Rspamd(PlainPoster(), f"http://127.0.0.1:{gone}"))
    assessed = await filter_.assess(evidence(inboxes=()))
    assert (assessed.score, assessed.action, assessed.wait_seconds) == (0.0, Action.NONE, 0)


async def test_scanners_that_say_nothing_are_given_up_in_time(judge):
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    filter_ = judge(
        Clamav("127.0.0.1", port, timeout_seconds=0.3),
        Rspamd(PlainPoster(), f"http://127.0.0.1:{port}", timeout_seconds=0.3),
    )
    started = time.monotonic()
    assessed = await filter_.assess(evidence(inboxes=()))
    assert time.monotonic() - started < TIMEOUT_SECONDS  # the usual time of one of them
    assert assessed.action is Action.NONE
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("answer", [b"no json", b"[]", b"{}", b'{"score": 3}'])
async def test_an_answer_that_is_none_is_a_problem(answer):
    class Wrong:
        async def post(self, *_):
            return 200, answer

    with pytest.raises(ScannerProblem):
        await Rspamd(Wrong(), "http://127.0.0.1:1").scan(evidence())


async def test_an_error_of_rspamd_is_a_problem():
    class Wrong:
        async def post(self, *_):
            return 500, b'{"action": "reject"}'

    with pytest.raises(ScannerProblem):
        await Rspamd(Wrong(), "http://127.0.0.1:1").scan(evidence())
