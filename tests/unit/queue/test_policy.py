"""What each policy makes of a connection: DANE, MTA-STS, REQUIRETLS, TLS-Required, and all of them together."""

import ssl

import pytest

from mailserver.entities import errors
from mailserver.entities.delivery import State
from mailserver.entities.transport import Fault, PolicyType, ResultType, StsAnswer
from mailserver.mail import tlsa
from mailserver.mail.mtasts import Mode, Policy
from mailserver.queue import tls
from mailserver.queue.routing import Smarthost
from tests.support.certificates import Authority
from tests.support.outgoing import MESSAGE
from tests.support.remote import CLOSE, EXTENSIONS, Remote
from tests.support.zone import FAILS, FakeResolver

QUEUED, DELIVERED, FAILED = State.QUEUED, State.DELIVERED, State.FAILED
FETCH_FAULT = Fault(ResultType.STS_POLICY_FETCH_ERROR, "no-answer", "mta-sts.remote.test is away")
MX, DOMAIN = "mx.remote.test", "remote.test"


class Sts:
    """The policies of domains, as told."""

    def __init__(self, **answers):
        self.answers = {f"{name}.test": answer for name, answer in answers.items()}
        self.asked = []

    async def find(self, domain):
        self.asked.append(domain)
        answer = self.answers.get(domain, StsAnswer())
        if isinstance(answer, Exception):
            raise answer
        return answer


def sts(mode, *hosts):
    return StsAnswer(Policy(Mode(mode), hosts or (MX,), 86_400), ("version: STSv1", f"mode: {mode}"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def good(authority):
    return authority.leaf(MX)


@pytest.fixture
def trusting(authority):
    """Contexts that know the authority."""
    return tls.contexts(authority.path)


def zone(port, records=(), *, signed=True, hosts=None, mx=None, unsigned=()):
    """remote.test with TLSA records for its one host, unless told otherwise."""
    name = f"_{port}._tcp.{MX}"
    authentic = {DOMAIN, MX, "two.remote.test", name, f"_{port}._tcp.two.remote.test"} if signed else set()
    found = [(one.usage, one.selector, one.matching, one.data) for one in records] if records != FAILS else FAILS
    return FakeResolver(
        mx=mx or {DOMAIN: [(10, MX)]},
        hosts=hosts or {MX: ["127.0.0.1"]},
        tlsa={name: found} if records else {},
        authentic=authentic - set(unsigned),
    )


WRONG = tlsa.Tlsa(3, 1, 1, bytes(32))


async def attempt(parts, context, *, resolver=None, until=(DELIVERED, QUEUED, FAILED), extensions=EXTENSIONS, **more):
    """Send one message to a server with that context; what became of it, what it got, and the sessions."""
    fields = more.pop("fields", {})
    async with Remote(extensions, context) as remote:
        made = resolver(remote.port) if resolver else zone(remote.port, signed=False)
        async with parts(port=remote.port, resolver=made, **more) as out:
            (number,) = await out.send(f"a@{DOMAIN}", **fields)
            shown = await out.until(number, *until, attempts=1)
            return shown.delivery, remote, out.sessions.all


# DANE


async def test_a_server_with_the_key_of_its_record_gets_mail_whatever_its_certificate_says(parts, authority):
    leaf = authority.leaf("elsewhere.test", days=-9)
    records = [tlsa.of_certificate(leaf.der)]
    delivery, remote, (session,) = await attempt(
        parts, authority.context(leaf), resolver=lambda port: zone(port, records)
    )
    assert (delivery.state, delivery.tls) == (DELIVERED, "dane TLSv1.3")
    assert (session.policy_type, session.result, session.policy_domain) == (PolicyType.TLSA, None, MX)
    assert session.policy_strings == (tlsa.text(records[0]),)
    assert session.domain == DOMAIN
    assert remote.connections == 1


@pytest.mark.parametrize("at_alias", [False, True])
async def test_records_of_an_alias_are_looked_for_at_its_real_name_first(parts, authority, at_alias):
    leaf = authority.leaf("real.remote.test")
    record = tlsa.of_certificate(leaf.der)
    good = [(record.usage, record.selector, record.matching, record.data)]
    wrong = [(WRONG.usage, WRONG.selector, WRONG.matching, WRONG.data)]

    def resolver(port):
        found = zone(port, [record])
        real, alias = f"_{port}._tcp.real.remote.test", f"_{port}._tcp.{MX}"
        found.aliases = {MX: "real.remote.test"}
        found.tlsas = {alias: good} if at_alias else {real: good, alias: wrong}
        found.authentic = found.authentic | {real}
        return found

    delivery, _, (session,) = await attempt(parts, authority.context(leaf), resolver=resolver)
    assert (delivery.state, delivery.tls) == (DELIVERED, "dane TLSv1.3")
    assert session.policy_domain == (MX if at_alias else "real.remote.test")


async def test_another_key_gets_nothing_and_no_lower_level_is_tried(parts, authority, good, trusting):
    delivery, remote, (session,) = await attempt(
        parts, authority.context(good), resolver=lambda port: zone(port, [WRONG]), contexts=trusting
    )
    assert delivery.state is QUEUED
    assert delivery.last_reply.startswith(f"451 4.7.5 {MX} shows a certificate that none of its TLSA records names")
    assert session.result is ResultType.TLSA_INVALID
    assert (remote.connections, remote.messages) == (1, [])
    assert not any(command.startswith("MAIL") for command in remote.commands)


@pytest.mark.parametrize(
    ("names", "days", "result"),
    [
        ((MX,), 9, None),
        ((DOMAIN,), 9, None),
        (("elsewhere.test",), 9, ResultType.CERTIFICATE_HOST_MISMATCH),
        ((MX,), -9, ResultType.CERTIFICATE_EXPIRED),
    ],
)
async def test_below_a_trust_anchor_names_and_dates_count(parts, authority, names, days, result):
    leaf = authority.leaf("leaf", days, names, shows_authority=True)
    anchor = tlsa.of_certificate(authority.made.der)
    records = [tlsa.Tlsa(2, anchor.selector, anchor.matching, anchor.data)]
    delivery, _, (session,) = await attempt(parts, authority.context(leaf), resolver=lambda port: zone(port, records))
    assert session.result is result
    assert delivery.state is (QUEUED if result else DELIVERED)
    assert (delivery.tls == "dane TLSv1.3") is (result is None)


@pytest.mark.parametrize("unsigned", [DOMAIN, MX])
async def test_records_that_dnssec_does_not_vouch_for_are_not_even_asked_for(parts, authority, good, unsigned):
    resolvers = []

    def resolver(port):
        resolvers.append(zone(port, [WRONG], unsigned=[unsigned]))
        return resolvers[0]

    delivery, _, (session,) = await attempt(parts, authority.context(good), resolver=resolver)
    assert delivery.tls == "unverified TLSv1.3"
    assert (session.policy_type, session.result) == (PolicyType.NONE, None)
    assert not [question for question in resolvers[0].asked if question[0] == "tlsa"]


async def test_an_unsigned_record_of_a_signed_host_is_ignored(parts, authority, good):
    delivery, _, _ = await attempt(
        parts, authority.context(good), resolver=lambda port: zone(port, [WRONG], unsigned=[f"_{port}._tcp.{MX}"])
    )
    assert delivery.state is DELIVERED


async def test_a_lookup_that_fails_closes_the_host(parts, authority, good):
    delivery, remote, (session,) = await attempt(
        parts, authority.context(good), resolver=lambda port: zone(port, FAILS)
    )
    assert delivery.last_reply.startswith("451 4.7.5 DNS gave no answer that can be believed about the TLSA records")
    assert session.result is ResultType.DNSSEC_INVALID
    assert (session.sending_address, session.receiving_address) == ("", "127.0.0.1")
    assert remote.connections == 0


@pytest.mark.parametrize(
    ("context", "state", "verdict", "result"),
    [
        ("good", DELIVERED, "unverified TLSv1.3", ResultType.TLSA_INVALID),
        (None, QUEUED, "none", ResultType.STARTTLS_NOT_SUPPORTED),
        ("useless", QUEUED, "none", ResultType.TLSA_INVALID),
    ],
)
async def test_records_that_cannot_be_used_demand_tls_of_any_kind(
    parts, authority, good, context, state, verdict, result
):
    contexts = {"good": authority.context(good), "useless": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), None: None}
    records = [tlsa.Tlsa(1, 1, 1, bytes(32)), tlsa.Tlsa(3, 1, 9, b"x")]
    delivery, _, (session,) = await attempt(parts, contexts[context], resolver=lambda port: zone(port, records))
    assert (delivery.state, delivery.tls) == (state, verdict)
    assert session.result is result


async def test_another_host_of_the_domain_is_taken_where_the_first_is_not_trusted(parts, authority, good):
    leaf = authority.leaf("two.remote.test")
    async with (
        Remote(context=authority.context(good)) as remote,
        Remote(context=authority.context(leaf), host="127.0.0.2", port=remote.port) as second,
    ):
        resolver = zone(
            remote.port, [WRONG], mx={DOMAIN: [(10, MX), (20, "two.remote.test")]},
            hosts={MX: ["127.0.0.1"], "two.remote.test": ["127.0.0.2"]},
        )  # fmt: skip
        ours = tlsa.of_certificate(leaf.der)
        resolver.tlsas[f"_{remote.port}._tcp.two.remote.test"] = [(3, 1, 1, ours.data)]
        async with parts(port=remote.port, resolver=resolver) as out:
            (number,) = await out.send(f"a@{DOMAIN}")
            shown = await out.until(number, DELIVERED)
    assert (shown.delivery.last_host, shown.delivery.tls) == ("two.remote.test", "dane TLSv1.3")
    assert [one.result for one in out.sessions.all] == [ResultType.TLSA_INVALID, None]
    assert len(second.messages) == 1


async def test_the_policy_is_the_reason_that_is_told_where_another_host_is_only_away(parts, authority, good):
    async with Remote(context=authority.context(good)) as remote:
        resolver = zone(
            remote.port, [WRONG], mx={DOMAIN: [(10, MX), (20, "two.remote.test")]},
            hosts={MX: ["127.0.0.1"], "two.remote.test": ["127.0.0.77"]},
        )  # fmt: skip
        async with parts(port=remote.port, resolver=resolver) as out:
            (number,) = await out.send(f"a@{DOMAIN}")
            shown = await out.until(number, QUEUED)
    assert "none of its TLSA records" in shown.delivery.last_reply


async def test_a_smarthost_is_held_to_its_own_records(parts, authority, good):
    async with Remote(context=authority.context(good)) as remote:
        resolver = zone(remote.port, [WRONG])
        async with parts(resolver=resolver, smarthost=Smarthost(MX, remote.port), sts=Sts(any=sts("enforce"))) as out:
            (number,) = await out.send("a@any.test")
            shown = await out.until(number, QUEUED)
    assert "none of its TLSA records" in shown.delivery.last_reply
    assert out.sts.asked == []


# MTA-STS


async def test_an_enforced_policy_that_is_met(parts, authority, good, trusting):
    delivery, _, (session,) = await attempt(
        parts, authority.context(good), contexts=trusting, sts=Sts(remote=sts("enforce", "*.remote.test"))
    )
    assert (delivery.state, delivery.tls) == (DELIVERED, "sts TLSv1.3")
    assert (session.policy_type, session.result) == (PolicyType.STS, None)
    assert (session.policy_strings, session.policy_hosts) == (("version: STSv1", "mode: enforce"), ("*.remote.test",))


async def test_an_authority_whose_certificates_have_no_identifiers_is_believed_on_every_python(parts, tmp_path):
    old = Authority(tmp_path, is_old=True)
    context, contexts = old.context(old.leaf(MX)), tls.contexts(old.path)
    delivery, _, _ = await attempt(parts, context, contexts=contexts, sts=Sts(remote=sts("enforce", MX)))
    assert (delivery.state, delivery.tls) == (DELIVERED, "sts TLSv1.3")


@pytest.mark.parametrize("mode", ["enforce", "testing"])
@pytest.mark.parametrize(
    ("case", "result", "sentence"),
    [
        ("expired", ResultType.CERTIFICATE_EXPIRED, "The certificate of mx.remote.test expired on 20"),
        ("name", ResultType.CERTIFICATE_HOST_MISMATCH, "The certificate of mx.remote.test does not name it"),
        ("stranger", ResultType.CERTIFICATE_NOT_TRUSTED, "comes from no authority that is trusted here"),
        ("clear", ResultType.STARTTLS_NOT_SUPPORTED, "mx.remote.test does not offer to encrypt the connection"),
        ("useless", ResultType.VALIDATION_FAILURE, "TLS with mx.remote.test failed"),
    ],
)
async def test_what_a_policy_does_with_each_trouble(parts, authority, trusting, tmp_path, case, mode, result, sentence):
    made = {
        "expired": lambda: authority.server(MX, days=-2),
        "name": lambda: authority.server("elsewhere.test"),
        "stranger": lambda: Authority(tmp_path).server(MX),
        "clear": lambda: None,
        "useless": lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    }[case]()
    delivery, remote, (session,) = await attempt(parts, made, contexts=trusting, sts=Sts(remote=sts(mode)))
    assert (session.policy_type, session.result) == (PolicyType.STS, result)
    assert session.reason
    if mode == "testing":
        assert delivery.state is DELIVERED
        return
    assert (delivery.state, remote.messages) == (QUEUED, [])
    assert sentence in delivery.last_reply
    assert "the MTA-STS policy of remote.test demands" in delivery.last_reply
    assert delivery.last_reply.startswith("451 4.7.10" if case == "clear" else "451 4.7.5")


@pytest.mark.parametrize("answer", [CLOSE, b"220 go\r\n250 2.0.0 injected\r\n"])
async def test_who_breaks_off_in_starttls_is_reported(parts, authority, good, trusting, answer):
    async with Remote(context=authority.context(good)) as remote:
        remote.answers("STARTTLS", answer, always=True)
        async with parts(
            port=remote.port,
            resolver=zone(remote.port, signed=False),
            contexts=trusting,
            sts=Sts(remote=sts("enforce")),
        ) as out:
            (number,) = await out.send(f"a@{DOMAIN}")
            await out.until(number, QUEUED)
            (session,) = out.sessions.all
    assert (session.result, session.reason) == (ResultType.VALIDATION_FAILURE, "starttls-broken")


async def test_a_refused_starttls_is_none(parts, authority, good, trusting):
    async with Remote(context=authority.context(good)) as remote:
        remote.answers("STARTTLS", "454 4.7.0 not now", always=True)
        async with parts(
            port=remote.port,
            resolver=zone(remote.port, signed=False),
            contexts=trusting,
            sts=Sts(remote=sts("enforce")),
        ) as out:
            (number,) = await out.send(f"a@{DOMAIN}")
            shown = await out.until(number, QUEUED)
    assert shown.delivery.last_reply.startswith("451 4.7.10")
    assert remote.messages == []


@pytest.mark.parametrize(("mode", "state", "connections"), [("enforce", QUEUED, 0), ("testing", DELIVERED, 1)])
async def test_a_host_that_the_policy_does_not_name(parts, authority, good, trusting, mode, state, connections):
    delivery, remote, (session,) = await attempt(
        parts, authority.context(good), contexts=trusting, sts=Sts(remote=sts(mode, "mail.remote.test"))
    )
    assert (delivery.state, remote.connections) == (state, connections)
    assert (session.result, session.reason) == (ResultType.VALIDATION_FAILURE, "mx-mismatch")


async def test_an_announced_policy_that_cannot_be_fetched_holds_nothing_up_but_is_reported(parts, authority, good):
    delivery, _, (session,) = await attempt(
        parts, authority.context(good), sts=Sts(remote=StsAnswer(fault=FETCH_FAULT))
    )
    assert delivery.state is DELIVERED
    assert (session.policy_type, session.result) == (PolicyType.STS, ResultType.STS_POLICY_FETCH_ERROR)


async def test_a_store_that_does_not_answer_makes_mail_wait(parts, authority, good):
    delivery, remote, sessions = await attempt(
        parts, authority.context(good), sts=Sts(remote=errors.StoreUnavailable())
    )
    assert (delivery.state, remote.connections, sessions) == (QUEUED, 0, [])
    assert delivery.last_reply.startswith("451 4.4.3 What remote.test demands")


async def test_what_the_opportunistic_learn_never_lowers_a_policy(parts, authority):
    expired = authority.server(MX, days=-2)
    async with Remote(context=expired) as remote:
        policies = Sts(remote=StsAnswer())
        resolver = FakeResolver(mx={DOMAIN: [(10, MX)], "two.test": [(10, MX)]}, hosts={MX: ["127.0.0.1"]})
        async with parts(port=remote.port, resolver=resolver, sts=policies) as out:
            (number,) = await out.send(f"a@{DOMAIN}")
            assert (await out.until(number, DELIVERED)).delivery.tls == "unverified TLSv1.3"
            policies.answers["two.test"] = sts("enforce")
            (number,) = await out.send("a@two.test")
            shown = await out.until(number, QUEUED)
    assert "demands a valid one" in shown.delivery.last_reply
    assert len(remote.messages) == 1


async def test_a_kept_connection_serves_only_those_who_demand_no_more(parts, authority, good, trusting):
    async with Remote(context=authority.context(good)) as remote:
        resolver = FakeResolver(
            mx={f"{name}.test": [(10, MX)] for name in ("one", "two", "three", "four")}, hosts={MX: ["127.0.0.1"]}
        )
        policies = Sts(three=sts("enforce"), four=sts("testing"))
        async with parts(port=remote.port, resolver=resolver, contexts=trusting, sts=policies) as out:
            for name, connections, verdict in (
                ("one", 1, "verified"), ("two", 1, "verified"), ("three", 2, "sts"), ("four", 3, "sts"),
            ):  # fmt: skip
                (number,) = await out.send(f"a@{name}.test")
                shown = await out.until(number, DELIVERED)
                assert (remote.connections, shown.delivery.tls) == (connections, f"{verdict} TLSv1.3")
    assert [one.domain for one in out.sessions.all] == ["one.test", "three.test", "four.test"]


# together


async def test_dane_comes_before_mta_sts(parts, authority, good, trusting):
    """RFC 8461 2: neither does a failure of DANE become a success, nor the other way round."""
    enforced = Sts(remote=sts("enforce"))
    delivery, _, (session,) = await attempt(
        parts, authority.context(good), resolver=lambda port: zone(port, [WRONG]), contexts=trusting, sts=enforced
    )
    assert (delivery.state, session.policy_type) == (QUEUED, PolicyType.TLSA)
    leaf = authority.leaf("elsewhere.test")
    records = [tlsa.of_certificate(leaf.der)]
    delivery, _, (session,) = await attempt(
        parts, authority.context(leaf), resolver=lambda port: zone(port, records), contexts=trusting,
        sts=Sts(remote=sts("enforce", "elsewhere.test")),
    )  # fmt: skip
    assert (delivery.tls, session.policy_type) == ("dane TLSv1.3", PolicyType.TLSA)


async def test_mta_sts_demands_more_than_unusable_records(parts, authority, trusting):
    records = [tlsa.Tlsa(0, 1, 1, bytes(32))]
    delivery, _, (session,) = await attempt(
        parts, authority.server(MX, days=-2), resolver=lambda port: zone(port, records), contexts=trusting,
        sts=Sts(remote=sts("enforce")),
    )  # fmt: skip
    assert (delivery.state, session.policy_type) == (QUEUED, PolicyType.STS)


REQUIRETLS = (*EXTENSIONS, "REQUIRETLS")


@pytest.mark.parametrize(
    ("case", "state", "words"),
    [
        ("dane", DELIVERED, "dane TLSv1.3"),
        ("signed", DELIVERED, "verified TLSv1.3"),
        ("sts", DELIVERED, "sts TLSv1.3"),
        ("unsigned", FAILED, "550 5.7.30 The mail servers of remote.test are not known for sure"),
        ("other host", FAILED, "550 5.7.30 The mail servers of remote.test are not known for sure"),
        ("expired", QUEUED, "and the message itself, by REQUIRETLS, demands a valid one"),
        ("clear", FAILED, "550 5.7.10"),
        ("not offered", FAILED, "550 5.7.30 The server does not offer REQUIRETLS"),
    ],
)
async def test_a_message_that_requires_tls(parts, authority, good, trusting, case, state, words):
    context = {"expired": authority.server(MX, days=-2), "clear": None}.get(case, authority.context(good))
    records = [tlsa.of_certificate(good.der)] if case == "dane" else []
    policies = {"sts": sts("testing"), "other host": sts("testing", "mail.remote.test")}.get(case, StsAnswer())
    is_signed = case not in ("sts", "unsigned", "other host")
    delivery, remote, _ = await attempt(
        parts, context, resolver=lambda port: zone(port, records, signed=is_signed), contexts=trusting,
        sts=Sts(remote=policies), extensions=EXTENSIONS if case == "not offered" else REQUIRETLS,
        fields={"require_tls": True},
    )  # fmt: skip
    assert delivery.state is state
    assert words in (delivery.tls if state is DELIVERED else delivery.last_reply)
    assert [message.mail.endswith(" REQUIRETLS") for message in remote.messages] == [True] * (state is DELIVERED)


@pytest.mark.parametrize("field", [b"TLS-Required: No", b"tls-required:no  ", b"TLS-REQUIRED:\tNO"])
@pytest.mark.parametrize("case", ["dane", "closed", "sts", "other host"])
async def test_a_message_that_gives_up_its_privacy(parts, authority, trusting, case, field):
    policies = {"sts": sts("enforce"), "other host": sts("enforce", "mail.remote.test")}.get(case, StsAnswer())
    records = {"dane": [WRONG], "closed": FAILS}.get(case, ())
    delivery, remote, sessions = await attempt(
        parts, authority.server(MX, days=-2), resolver=lambda port: zone(port, records), contexts=trusting,
        sts=Sts(remote=policies), fields={"content": field + b"\r\n" + MESSAGE},
    )  # fmt: skip
    assert (delivery.state, delivery.tls) == (DELIVERED, "unverified TLSv1.3")
    assert remote.messages[0].content == field + b"\r\n" + MESSAGE
    assert sessions == []  # held to nothing, so nothing is to be said of the policy


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"TLS-Required: No\r\n" + MESSAGE, {"require_tls": True}),  # RFC 8689 4.2.1: the envelope counts
        (b"TLS-Required: Yes\r\n" + MESSAGE, {}),
        (b"X-TLS-Required: No\r\n" + MESSAGE, {}),
        (MESSAGE + b"TLS-Required: No\r\n", {}),
        (b"Subject: TLS-Required: No\r\n" + MESSAGE, {}),
    ],
)
async def test_a_message_that_does_not(parts, authority, good, content, fields):
    delivery, remote, _ = await attempt(
        parts, authority.context(good), resolver=lambda port: zone(port, [WRONG]), extensions=REQUIRETLS,
        fields={"content": content, **fields},
    )  # fmt: skip
    assert (delivery.state, remote.messages) == (QUEUED, [])


async def test_a_large_message_gives_it_up_too(parts, authority, good):
    content = b"TLS-Required: No\r\n" + MESSAGE + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 20_000
    delivery, remote, _ = await attempt(
        parts, authority.context(good), resolver=lambda port: zone(port, [WRONG]), fields={"content": content}
    )
    assert delivery.state is DELIVERED
    assert len(remote.messages[0].content) == len(content)


async def test_a_route_asks_once_for_everything_and_is_remembered(parts, authority, good):
    async with Remote(context=authority.context(good)) as remote:
        resolver, policies = zone(remote.port), Sts()
        async with parts(port=remote.port, resolver=resolver, sts=policies) as out:
            for number in await out.send(f"a@{DOMAIN}", f"b@{DOMAIN}"):
                await out.until(number, DELIVERED)
            (number,) = await out.send(f"c@{DOMAIN}")
            await out.until(number, DELIVERED)
    assert policies.asked == [DOMAIN]
    assert resolver.asked["tlsa", f"_{remote.port}._tcp.{MX}"] == 1
