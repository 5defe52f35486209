"""DNS that lies, is silent or broken: mail waits or comes back, as each deserves, and says why."""

import contextlib
import itertools

import dns.flags
import dns.message
import dns.rrset

from tests.support import hostile
from tests.support.hostile import Hostile
from tests.support.server import running_server
from tests.support.waiting import until
from tests.support.zone import NameServer

DELIVERED, QUEUED, FAILED = "delivered", "queued", "failed"
UNKNOWN = "451 4.4.3 DNS"
HERE, GOOD, DEAD = "127.0.0.1", "127.0.1.1", "127.0.99.99"
MANY = "\n".join(f"many MX 10 mx{number}.many\nmx{number}.many A {GOOD}" for number in range(200))
ZONE = f"""
$TTL 60
@ SOA ns hostmaster 1 60 60 60 60
@ NS ns
good A {GOOD}
plain MX 10 good
implicit A {GOOD}
null MX 0 .
null-and-more MX 0 .
null-and-more MX 10 good
ourselves MX 10 mail.local.test.
better-than-us MX 5 good
better-than-us MX 10 mail.local.test.
worse-than-us MX 10 mail.local.test.
worse-than-us MX 20 good
loopback MX 10 loop
loop A {HERE}
no-address MX 10 nothing
nothing TXT x
gone-host MX 10 gone
address-fails MX 10 failing
half-fails MX 10 failing
half-fails MX 10 good
exists-only TXT x
literal MX 10 127.0.1.1.
dead MX 10 dead-host
dead-host A {DEAD}
dead-then-good MX 5 dead-host
dead-then-good MX 10 good
servfail MX 10 good
refused MX 10 good
formerr MX 10 good
notimp MX 10 good
silent MX 10 good
{MANY}
"""


def truncated(query):
    answer = dns.message.make_response(query, recursion_available=True)
    answer.flags |= dns.flags.TC
    return answer.to_wire()


def of_another_question(query):
    answer = dns.message.make_response(dns.message.make_query("elsewhere.test.", "MX"))
    answer.id = query.id
    return answer.to_wire()


def with_another_id(query):
    answer = dns.message.make_response(query, recursion_available=True)
    answer.id ^= 1
    return answer.to_wire()


def chain(query, *names):
    answer = dns.message.make_response(query, recursion_available=True)
    for name, target in itertools.pairwise(names):
        answer.answer.append(dns.rrset.from_text(f"{name}.test.", 60, "IN", "CNAME", f"{target}.test."))
    return answer


def loop(query):
    return chain(query, "cname-loop", "second", "cname-loop").to_wire()


def long_chain(query):
    return chain(query, "cname-chain", *(f"link{number}" for number in range(40))).to_wire()


def alias(query):
    answer = chain(query, "alias", "plain")
    answer.answer.append(dns.rrset.from_text("plain.test.", 60, "IN", "MX", "10 good.test."))
    return answer.to_wire()


BROKEN = {
    "servfail.test": "SERVFAIL", "refused.test": "REFUSED", "formerr.test": "FORMERR", "notimp.test": "NOTIMP",
    "silent.test": "silence", "failing.test": "SERVFAIL", "garbage.test": lambda query: b"\xff" * 40,
    "cut.test": lambda query: query.to_wire()[:7], "empty.test": lambda query: b"", "truncated.test": truncated,
    "other-question.test": of_another_question, "other-id.test": with_another_id, "cname-loop.test": loop,
    "cname-chain.test": long_chain, "alias.test": alias,
}  # fmt: skip
CASES = {
    "plain": (DELIVERED, "250"),
    "implicit": (DELIVERED, "250"),
    "alias": (DELIVERED, "250"),
    "many": (DELIVERED, "250"),
    "half-fails": (DELIVERED, "250"),
    "dead-then-good": (DELIVERED, "250"),
    "better-than-us": (DELIVERED, "250"),
    "null-and-more": (DELIVERED, "250"),
    "null": (FAILED, "556 5.1.10"),
    "no-such-domain": (FAILED, "550 5.1.2"),
    "exists-only": (FAILED, "550 5.1.2"),
    "ourselves": (FAILED, "550 5.4.6"),
    "worse-than-us": (FAILED, "550 5.4.6"),
    "loopback": (FAILED, "550 5.4.6"),
    "no-address": (FAILED, "550 5.4.4"),
    "gone-host": (FAILED, "550 5.4.4"),
    "literal": (FAILED, "550 5.4.4"),
    "dead": (QUEUED, "451 4.4.1 Cannot connect to dead-host.test"),
    "address-fails": (QUEUED, UNKNOWN),
    "servfail": (QUEUED, UNKNOWN),
    "refused": (QUEUED, UNKNOWN),
    "formerr": (QUEUED, UNKNOWN),
    "notimp": (QUEUED, UNKNOWN),
    "silent": (QUEUED, UNKNOWN),
    "garbage": (QUEUED, UNKNOWN),
    "cut": (QUEUED, UNKNOWN),
    "empty": (QUEUED, UNKNOWN),
    "truncated": (QUEUED, UNKNOWN),
    "other-question": (QUEUED, UNKNOWN),
    "other-id": (QUEUED, UNKNOWN),
    "cname-loop": (QUEUED, UNKNOWN),
    "cname-chain": (QUEUED, UNKNOWN),
}


@contextlib.asynccontextmanager
async def world(directory):
    good = Hostile({})
    async with hostile.listening({"good": good}) as (_, port), NameServer("test.", ZONE, broken=BROKEN) as names:
        settings = {
            "dns__nameservers": [f"127.0.0.1:{names.port}"], "dns__timeout_seconds": 2, "queue__remote_port": port,
            "smtp__mx_listen": [f"{HERE}:{port}"], "queue__retry_seconds": [3], "queue__retry_jitter": 0,
        }  # fmt: skip
        async with running_server(directory, **settings) as server, server.session() as gent:
            yield server, gent, good, names


async def post(gent, domain):
    form = {"to": [{"email": f"bob@{domain}.test"}], "subject": domain, "text_body": "x"}
    async with gent.post("/v1/messages/", json=form) as answer:
        assert answer.status == 201, await answer.text()


async def tried(server, number):
    """Every delivery by its domain, once each was tried."""

    async def each():
        rows = {row["recipient"][4:-5]: row for row in await server.command("queue", "list", "--all")}
        return rows if len(rows) == number and all(row["last_reply"] for row in rows.values()) else None

    return await until(each)


def strayed(rows):
    """The domains that have another outcome than they deserve."""
    found = {domain: (rows[domain]["state"], rows[domain]["last_reply"]) for domain in CASES}
    return [
        f"{domain}: {found[domain]}, not {state} {said}"
        for domain, (state, said) in CASES.items()
        if found[domain][0] != state or not found[domain][1].startswith(said)
    ]


async def test_each_answer_of_dns_has_the_outcome_that_it_deserves(tmp_path):
    async with world(tmp_path) as (server, gent, good, _):
        for domain in CASES:
            await post(gent, domain)
        wrong = []

        async def is_right():  # our answer to a question may come too late once, on a machine with much to do
            wrong[:] = strayed(await tried(server, len(CASES)))
            return not wrong

        with contextlib.suppress(TimeoutError):
            await until(is_right)
        assert not wrong, "\n".join(wrong)
        delivered = sorted(recipient for recipient, _, _ in good.taken)
        assert delivered == sorted(f"bob@{domain}.test" for domain, (state, _) in CASES.items() if state == DELIVERED)
        waiting = await server.command("queue", "list")
        assert {row["recipient"][4:-5] for row in waiting} == {
            name for name, case in CASES.items() if case[0] == QUEUED
        }
        assert all(row["next_attempt_at"] > row["created_at"] for row in waiting)
        assert "Traceback" not in server.log


async def test_mail_leaves_once_dns_has_come_back(tmp_path):
    async with world(tmp_path) as (server, gent, good, names):
        await post(gent, "servfail")
        await post(gent, "silent")
        await tried(server, 2)
        names.broken = {}
        await until(lambda: len(good.taken) >= 2)
        await until(lambda: is_empty(server))
        assert sorted(recipient for recipient, _, _ in good.taken) == ["bob@servfail.test", "bob@silent.test"]


async def is_empty(server):
    return await server.command("queue", "list") == []
