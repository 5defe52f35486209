"""How privately mail travels, with knot's signed and unsigned zones, unbound's judgement of them, and TLS receivers.

Every receiver listens on one port of an address of its own, since a server has one remote port.
"""

import asyncio
import contextlib

import pytest
from aiohttp import web

from mailserver.dns import DnsResolver
from mailserver.entities.delivery import State
from mailserver.entities.transport import PolicyType, ResultType
from mailserver.fetch import Fetch
from mailserver.mail import dsn, tlsa
from mailserver.queue import tls
from mailserver.services.outbound.transport import StsPolicies
from tests.support import knot, postfix, unbound
from tests.support.certificates import Authority
from tests.support.knot import Knot
from tests.support.outgoing import outgoing
from tests.support.ports import free_port
from tests.support.postfix import Postfix
from tests.support.remote import Remote
from tests.support.server import running_server
from tests.support.unbound import Unbound
from tests.support.waiting import until

MISSING = knot.missing() or unbound.missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
QUEUED, DELIVERED, FAILED = State.QUEUED, State.DELIVERED, State.FAILED
WRONG = "3 1 1 " + "ab" * 32
FIVE_DAYS = 5 * 86_400 + 60
ENFORCED, TESTED = "enforced.test", "tested.test"


class PolicyServer:
    """The web server of MTA-STS: one text for every host, over TLS."""

    def __init__(self, authority, hosts):
        self.authority, self.hosts = authority, hosts
        self.texts, self.asked, self.port = {}, [], 0

    async def __aenter__(self):
        app = web.Application()
        app.router.add_get("/.well-known/mta-sts.txt", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        context = self.authority.server(self.hosts[0], names=self.hosts)
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def _answer(self, request):
        self.asked.append(request.host)
        return web.Response(text=self.texts[request.host.partition(":")[0]])

    async def stop(self):
        await self._runner.cleanup()

    async def __aexit__(self, *_exc):
        await self.stop()


class World:
    """Zones, resolver, policy server; `receiver` adds a mail host, and `queue` is our side."""

    def __init__(self, directory, stack):
        self.directory, self.stack, self.port = directory, stack, free_port()
        self.authority = Authority(directory)
        self.zones, self.signed, self.bogus = {}, [], []
        self._last = 1

    async def receiver(self, zone, context, *, records="", signed=False, tlsa_of=None, extensions=None):
        """A mail host mx.<zone> with such a zone."""
        self._last += 1
        address = f"127.0.0.{self._last}"
        lines = f"@ 60 MX 10 mx\nmx 60 A {address}\nmta-sts 60 A 127.0.0.1\n{records}"
        if tlsa_of is not None:
            lines += f"_{self.port}._tcp.mx 60 TLSA {tlsa_of}\n"
        self.zones[zone] = lines
        if signed:
            self.signed.append(zone)
        more = {} if extensions is None else {"extensions": extensions}
        return await self.stack.enter_async_context(Remote(context=context, host=address, port=self.port, **more))

    async def names(self):
        served = await self.stack.enter_async_context(Knot(self.directory / "knot", self.zones, self.signed))
        anchors = {
            zone: await asyncio.to_thread(served.anchor, zone) if zone in self.signed else None for zone in self.zones
        }
        for zone in self.bogus:
            anchors[zone] = f"{anchors[zone].split(' ', 1)[0]} 13 2 {'ab' * 32}"
        return await self.stack.enter_async_context(Unbound(self.directory / "unbound", served.port, anchors))

    async def queue(self, policies=None, **options):
        """The queue in front of it all, running."""
        names = await self.names()
        resolver = DnsResolver([names.address], lifetime_seconds=30)
        fetch = await self.stack.enter_async_context(Fetch(resolver, allow_private=True))
        if policies is not None:
            options["sts_of"] = lambda database, clock: StsPolicies(
                database, resolver, fetch, clock, policies.port, self.authority.path
            )
        contexts = tls.contexts(self.authority.path)
        out = await self.stack.enter_async_context(
            outgoing(self.directory, resolver, self.port, contexts=contexts, **options)
        )
        await self.stack.enter_async_context(out.running())
        return out


@pytest.fixture
async def world(tmp_path):
    async with contextlib.AsyncExitStack() as stack:
        yield World(tmp_path, stack)


def session(out, domain):
    """The one kind of session that was had with a domain's host."""
    found = {(one.policy_type, one.result) for one in out.sessions.all if one.domain == domain}
    assert len(found) == 1, found
    return next(one for one in out.sessions.all if one.domain == domain)


async def bounce(out, number):
    """The status and text of the report when the time is over."""
    out.clock.advance(FIVE_DAYS)
    await out.upkeep.once()
    shown = await out.until(number, FAILED)

    def told():
        every = [one for stored in out.local.stored for one in dsn.parse(stored[2]).recipients]
        return [one for one in every if one.address == shown.delivery.recipient]

    (recipient,) = await until(told)
    assert recipient.action == "failed"
    return recipient.status, shown.delivery.last_reply


async def test_dane_decides_who_gets_mail_and_who_does_not(world):
    leaf = world.authority.leaf("whatever.test", days=-3)
    right = tlsa.text(tlsa.of_certificate(leaf.der))
    context = world.authority.context(leaf)  # with another name and expired, neither of which matters to 3 1 1
    good = await world.receiver("good.test", context, signed=True, tlsa_of=right)
    wrong = await world.receiver("wrong.test", context, signed=True, tlsa_of=WRONG)
    bogus = await world.receiver("bogus.test", context, signed=True, tlsa_of=right)
    unsigned = await world.receiver("unsigned.test", context, tlsa_of=WRONG)
    none = await world.receiver("none.test", context, signed=True)
    odd = await world.receiver("odd.test", context, signed=True, tlsa_of="1 1 1 " + "cd" * 32)
    clear = await world.receiver("clear.test", None, signed=True, tlsa_of=right)
    world.bogus.append("bogus.test")
    out = await world.queue()
    sent = {
        name: (await out.send(f"bob@{name}.test"))[0]
        for name in ("good", "wrong", "bogus", "unsigned", "none", "odd", "clear")
    }

    shown = await out.until(sent["good"], DELIVERED)
    assert shown.delivery.tls == "dane TLSv1.3"
    assert [attempt.tls for attempt in shown.attempts] == ["dane TLSv1.3"]
    found = session(out, "good.test")
    assert (found.policy_type, found.result, found.policy_domain) == (PolicyType.TLSA, None, "mx.good.test")
    assert found.policy_strings == (right,)
    assert (found.mx_host, found.sending_address, found.receiving_address) == ("mx.good.test", "127.0.0.1", "127.0.0.2")

    shown = await out.until(sent["wrong"], QUEUED)
    assert "none of its TLSA records names" in shown.delivery.last_reply
    assert session(out, "wrong.test").result is ResultType.TLSA_INVALID

    shown = await out.until(sent["bogus"], QUEUED)
    assert shown.delivery.last_reply == "451 4.4.3 DNS gave no answer about bogus.test"

    for name, verdict in (("unsigned", "unverified TLSv1.3"), ("none", "unverified TLSv1.3")):
        assert (await out.until(sent[name], DELIVERED)).delivery.tls == verdict
        found = session(out, f"{name}.test")
        assert (found.policy_type, found.result) == (PolicyType.NONE, None)

    assert (await out.until(sent["odd"], DELIVERED)).delivery.tls == "unverified TLSv1.3"  # encrypted at the least
    assert session(out, "odd.test").result is ResultType.TLSA_INVALID

    shown = await out.until(sent["clear"], QUEUED)
    assert shown.delivery.last_reply.startswith("451 4.7.10 mx.clear.test does not offer to encrypt")
    assert session(out, "clear.test").result is ResultType.STARTTLS_NOT_SUPPORTED

    assert [len(one.messages) for one in (good, unsigned, none, odd)] == [1, 1, 1, 1]
    assert [one.messages for one in (wrong, bogus, clear)] == [[], [], []]
    status, text = await bounce(out, sent["wrong"])
    assert status == "5.7.5"
    assert text == (
        "550 5.7.5 mx.wrong.test shows a certificate that none of its TLSA records names, so its DANE policy forbids "
        "to send there; it was tried until the delivery time expired"
    )


def policy(mode, *hosts):
    lines = "".join(f"mx: {host}\n" for host in hosts)
    return f"version: STSv1\nmode: {mode}\n{lines}max_age: 1209600\n"


async def test_an_expired_certificate_stops_mail_where_mta_sts_is_enforced_and_not_where_it_is_tested(world):
    expired = {zone: world.authority.server(f"mx.{zone}", days=-2) for zone in (ENFORCED, TESTED)}
    announced = '_mta-sts 60 TXT "v=STSv1; id=20261121;"\n'
    remotes = {zone: await world.receiver(zone, expired[zone], records=announced) for zone in (ENFORCED, TESTED)}
    good = await world.receiver("good.test", world.authority.server("mx.good.test"), records=announced)
    other = await world.receiver("other.test", world.authority.server("mx.other.test"), records=announced)
    hosts = [f"mta-sts.{zone}" for zone in world.zones]
    async with PolicyServer(world.authority, hosts) as policies:
        policies.texts = {
            f"mta-sts.{ENFORCED}": policy("enforce", f"mx.{ENFORCED}"),
            f"mta-sts.{TESTED}": policy("testing", f"mx.{TESTED}"),
            "mta-sts.good.test": policy("enforce", "*.good.test"),
            "mta-sts.other.test": policy("enforce", "mail.other.test"),
        }
        out = await world.queue(policies)
        sent = {name: (await out.send(f"bob@{name}"))[0] for name in (ENFORCED, TESTED, "good.test", "other.test")}

        shown = await out.until(sent[ENFORCED], QUEUED)
        assert shown.delivery.last_reply.startswith(f"451 4.7.5 The certificate of mx.{ENFORCED} expired on 20")
        assert shown.delivery.last_reply.endswith(f"and the MTA-STS policy of {ENFORCED} demands a valid one")
        assert remotes[ENFORCED].messages == []
        found = session(out, ENFORCED)
        assert (found.policy_type, found.result) == (PolicyType.STS, ResultType.CERTIFICATE_EXPIRED)
        assert found.policy_strings == tuple(policies.texts[f"mta-sts.{ENFORCED}"].splitlines())
        assert found.policy_hosts == (f"mx.{ENFORCED}",)

        assert (await out.until(sent[TESTED], DELIVERED)).delivery.tls == "unverified TLSv1.3"
        assert session(out, TESTED).result is ResultType.CERTIFICATE_EXPIRED
        assert len(remotes[TESTED].messages) == 1

        assert (await out.until(sent["good.test"], DELIVERED)).delivery.tls == "sts TLSv1.3"
        assert session(out, "good.test").result is None

        shown = await out.until(sent["other.test"], QUEUED)
        assert "none of the mail hosts that the MTA-STS policy of other.test names" in shown.delivery.last_reply
        assert other.connections == 0
        assert len(good.messages) == 1
    status, text = await bounce(out, sent[ENFORCED])
    assert status == "5.7.5"
    assert f"the MTA-STS policy of {ENFORCED} demands a valid one" in text


async def test_a_kept_policy_is_enforced_while_its_server_is_away(world):
    announced = '_mta-sts 1 TXT "v=STSv1; id=1;"\n'
    remote = await world.receiver(ENFORCED, world.authority.server(f"mx.{ENFORCED}"), records=announced)
    async with PolicyServer(world.authority, [f"mta-sts.{ENFORCED}"]) as policies:
        policies.texts = {f"mta-sts.{ENFORCED}": policy("enforce", f"mx.{ENFORCED}")}
        out = await world.queue(policies)
        (first,) = await out.send(f"bob@{ENFORCED}")
        assert (await out.until(first, DELIVERED)).delivery.tls == "sts TLSv1.3"
        await policies.stop()
        out.pool.close()
        out.routing._known.clear()
        out.sts._known.clear()  # another node, or this one after a restart: the database has it
        remote.context = world.authority.server(f"mx.{ENFORCED}", days=-1)
        (second,) = await out.send(f"bob@{ENFORCED}")
        shown = await out.until(second, QUEUED)
        assert f"the MTA-STS policy of {ENFORCED} demands a valid one" in shown.delivery.last_reply
        assert len(remote.messages) == 1
        out.clock.advance(86_400 * 13.5)  # about to run out, and the fetch fails: it holds to its end
        found = await out.sts.find(ENFORCED)
        assert found.policy is not None
        out.clock.advance(86_400)
        found = await out.sts.find(ENFORCED)
        assert (found.policy, found.fault.result) == (None, ResultType.STS_POLICY_FETCH_ERROR)


@pytest.mark.skipif(postfix.missing() is not None, reason=str(postfix.missing()))
async def test_the_appliance_delivers_to_postfix_by_dane_and_keeps_an_enforced_policy(world, tmp_path):
    leaf = world.authority.leaf("mx.good.test")
    pem = tmp_path / "postfix.pem"
    pem.write_bytes(leaf.pem)
    directory = tmp_path / "postfix"
    directory.mkdir()
    (directory / "boxes").write_text("bob@good.test bob/\n")
    settings = {
        "myhostname": "mx.good.test",
        "virtual_mailbox_domains": "good.test",
        "virtual_mailbox_maps": f"texthash:{directory}/boxes",
        "virtual_mailbox_base": str(directory / "mail"),
        "virtual_uid_maps": "static:65534",
        "virtual_gid_maps": "static:65534",
        "smtpd_tls_chain_files": str(pem),
        "smtpd_tls_security_level": "may",
        "smtpd_recipient_restrictions": "permit_mynetworks,reject",
    }
    outside = await world.stack.enter_async_context(
        Postfix(directory, settings, ["tlsmgr unix - - n 1000? 1 tlsmgr"], world.port)
    )
    right = tlsa.text(tlsa.of_certificate(leaf.der))
    for zone, record in (("good.test", right), ("wrong.test", WRONG)):
        world.zones[zone] = f"@ 60 MX 10 mx\nmx 60 A 127.0.0.1\n_{world.port}._tcp.mx 60 TLSA {record}\n"
        world.signed.append(zone)
    announced = '_mta-sts 60 TXT "v=STSv1; id=1;"\n'
    remote = await world.receiver(ENFORCED, world.authority.server(f"mx.{ENFORCED}", days=-2), records=announced)
    policies = await world.stack.enter_async_context(PolicyServer(world.authority, [f"mta-sts.{ENFORCED}"]))
    policies.texts = {f"mta-sts.{ENFORCED}": policy("enforce", f"mx.{ENFORCED}")}
    names = await world.names()
    recipients = {f"bob@{zone}" for zone in world.zones}
    async with running_server(
        tmp_path / "appliance", queue__remote_port=world.port, dns__nameservers=[names.address],
        outbound_http__allow_private=True, transport__sts_https_port=policies.port,
        transport__authorities=world.authority.path,
    ) as server:  # fmt: skip
        async with server.session() as gent:
            form = {"to": [{"email": one} for one in recipients], "subject": "x", "text_body": "Hello."}
            assert (await gent.post("/v1/messages/", json=form)).status == 201

        async def tried():
            rows = {row["recipient"]: row for row in await server.command("queue", "list", "--all")}
            return rows if all(rows[one]["last_reply"] for one in recipients) else None

        rows = await until(tried)
        assert {row["state"] for row in rows.values()} == {"delivered", "queued"}
        shown = await server.command("queue", "show", rows["bob@good.test"]["id"])
        assert shown["tried"][-1]["tls"] == "dane TLSv1.3"
        assert "none of its TLSA records names" in rows["bob@wrong.test"]["last_reply"]
        assert f"and the MTA-STS policy of {ENFORCED} demands a valid one" in rows[f"bob@{ENFORCED}"]["last_reply"]
        published = {row["type"] for row in await server.command("dns", "show", "local.test")}
        assert {"TLSA", "CNAME", "TXT", "MX"} <= published
    assert remote.messages == []
    await until(lambda: outside.delivered("bob"))  # Postfix takes a message first, and delivers it then
