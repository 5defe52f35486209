import asyncio

import pytest

from mailserver.dns import DnsResolver, parse_nameserver
from mailserver.mail.resolver import LookupFailed, Mx, Tlsa
from tests.support.zone import NameServer

ZONE = """
@ 60 IN SOA ns hostmaster 1 3600 600 86400 60
@ 60 IN NS ns
@ 60 IN MX 10 MX.remote.test.
@ 60 IN MX 20 backup
@ 60 IN TXT "v=spf1 " "-all"
mx 60 IN A 127.0.0.1
mx 60 IN AAAA ::1
backup 60 IN A 127.0.0.2
null 60 IN MX 0 .
plain 60 IN A 127.0.0.3
alias 60 IN CNAME plain
_25._tcp.mx 60 IN TLSA 3 1 0 00ff
"""


def resolver_of(server, **more):
    return DnsResolver([f"127.0.0.1:{server.port}"], lifetime_seconds=more.pop("lifetime_seconds", 2), **more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("127.0.0.1:5302", ("127.0.0.1", 5302)),
        ("::1", ("::1", 53)),
        ("[::1]:5302", ("::1", 5302)),
        ("[::1]", ("::1", 53)),
    ],
)
def test_a_nameserver_may_name_its_port(text, expected):
    assert parse_nameserver(text) == expected


@pytest.mark.parametrize("text", ["localhost", "127.0.0.1:0", "127.0.0.1:x", "", "127.0.0.1:70000"])
def test_a_nameserver_that_cannot_be_used_is_refused(text):
    with pytest.raises(ValueError):
        parse_nameserver(text)


async def test_mx_records_come_in_lower_case_without_the_last_dot():
    async with NameServer("remote.test.", ZONE) as server:
        answer = await resolver_of(server).mx("remote.test")
    assert set(answer.records) == {Mx(10, "mx.remote.test"), Mx(20, "backup.remote.test")}
    assert answer.exists
    assert not answer.authentic


async def test_the_null_mx_has_no_host():
    async with NameServer("remote.test.", ZONE) as server:
        assert (await resolver_of(server).mx("null.remote.test")).records == (Mx(0, ""),)


async def test_a_name_without_mx_exists_and_one_that_is_not_there_does_not():
    async with NameServer("remote.test.", ZONE) as server:
        resolver = resolver_of(server)
        plain, missing = await resolver.mx("plain.remote.test"), await resolver.mx("nowhere.remote.test")
    assert (plain.records, plain.exists) == ((), True)
    assert (missing.records, missing.exists) == ((), False)


async def test_a_host_has_addresses_of_both_families():
    async with NameServer("remote.test.", ZONE) as server:
        assert set(await resolver_of(server).addresses("mx.remote.test")) == {"127.0.0.1", "::1"}


async def test_the_strings_of_a_txt_record_are_joined():
    async with NameServer("remote.test.", ZONE) as server:
        assert (await resolver_of(server).text("remote.test")).records == (b"v=spf1 -all",)


async def test_the_ad_bit_is_passed_on():
    async with NameServer("remote.test.", ZONE, authentic=True) as server:
        assert (await resolver_of(server).mx("remote.test")).authentic


@pytest.mark.parametrize("trouble", ["SERVFAIL", "REFUSED", "silence"])
async def test_no_answer_is_a_failure_and_not_an_empty_answer(trouble):
    async with NameServer("remote.test.", ZONE, broken={"remote.test": trouble}) as server:
        with pytest.raises(LookupFailed):
            await resolver_of(server, lifetime_seconds=0.5, server_seconds=0.2).mx("remote.test")


async def test_answers_are_cached_and_so_is_their_absence():
    async with NameServer("remote.test.", ZONE) as server:
        resolver = resolver_of(server)
        for _ in range(3):
            await resolver.mx("remote.test")
            await resolver.mx("nowhere.remote.test")
            await resolver.mx("plain.remote.test")
    assert set(server.questions.values()) == {1}


async def test_the_same_question_at_the_same_time_is_asked_once():
    async with NameServer("remote.test.", ZONE) as server:
        resolver = resolver_of(server)
        answers = await asyncio.gather(*(resolver.mx("remote.test") for _ in range(20)))
    assert len(set(answers)) == 1
    assert server.questions["remote.test", "MX"] == 1


async def test_a_question_outlives_the_first_who_asked_it():
    async with NameServer("remote.test.", ZONE, broken={"remote.test": "silence"}) as server:
        resolver = resolver_of(server, lifetime_seconds=5, server_seconds=5)
        first = asyncio.create_task(resolver.mx("remote.test"))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(resolver.mx("remote.test"))
        await asyncio.sleep(0.05)
        server.broken.clear()
        first.cancel()
        assert (await second).exists
        assert first.cancelled() or first.cancelling()


@pytest.mark.parametrize("name", ["a" * 64 + ".test", ".".join(["abcdefgh"] * 40), "..", "\udcff.test"])
async def test_a_name_that_dns_cannot_hold_does_not_exist(name):
    async with NameServer("remote.test.", ZONE) as server:
        assert not (await resolver_of(server).mx(name)).exists


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_one_family_of_addresses_is_asked_for_alone():
    async with NameServer("remote.test.", ZONE) as server:
        resolver = resolver_of(server)
        assert (await resolver.family("mx.remote.test", 4)).addresses == ("127.0.0.1",)
        assert (await resolver.family("mx.remote.test", 6)).addresses == ("::1",)
        nobody = await resolver.family("nobody.remote.test", 4)
    assert not nobody.exists
    assert nobody.addresses == ()


async def test_tlsa_records_are_read():
    async with NameServer("remote.test.", ZONE, authentic=True) as server:
        answer = await resolver_of(server).tlsa("_25._tcp.mx.remote.test")
    assert answer.records == (Tlsa(3, 1, 0, b"\x00\xff"),)
    assert answer.authentic


REVERSE = """
@ 60 IN SOA ns.remote.test. hostmaster.remote.test. 1 3600 600 86400 60
1.0 60 IN PTR MX.remote.test.
"""


async def test_the_names_of_an_address_come_in_lower_case():
    async with NameServer("0.127.in-addr.arpa.", REVERSE) as server:
        assert await resolver_of(server).pointers("127.0.0.1") == ("mx.remote.test",)


async def test_an_answer_is_believed_for_as_long_as_it_says():
    clock = Clock()
    async with NameServer("remote.test.", ZONE) as server:
        resolver = resolver_of(server, clock=clock)
        for _ in range(3):
            await resolver.text("remote.test")
            await resolver.text("nobody.remote.test")
        assert server.questions["remote.test", "TXT"] == 1
        assert server.questions["nobody.remote.test", "TXT"] == 1
        clock.now += 61
        await resolver.text("remote.test")
        await resolver.text("nobody.remote.test")
        assert server.questions["remote.test", "TXT"] == 2
        assert server.questions["nobody.remote.test", "TXT"] == 2


async def test_a_failure_is_remembered_for_a_few_seconds_only():
    clock = Clock()
    async with NameServer("remote.test.", ZONE, broken={"remote.test": "SERVFAIL"}) as server:
        resolver = resolver_of(server, clock=clock)
        for _ in range(3):
            with pytest.raises(LookupFailed):
                await resolver.text("remote.test")
        asked = server.questions["remote.test", "TXT"]
        server.broken.clear()
        clock.now += 6
        assert (await resolver.text("remote.test")).records
    assert asked >= 1
    assert server.questions["remote.test", "TXT"] == asked + 1


async def test_what_is_remembered_is_bounded():
    async with NameServer("remote.test.", ZONE) as server:
        resolver = resolver_of(server, cached_answers=5)
        for number in range(20):
            await resolver.family(f"h{number}.remote.test", 4)
        assert len(resolver._known) == 5
