"""SPF beyond the suite: what DNS may say that nobody means well with."""

import time

import pytest
import spf as pyspf

from mailserver.mail import spf
from mailserver.mail.address import Address
from mailserver.mail.spf import Evaluation, Identity, Kind, Question, Status
from tests.support import cost

SENDER = Address("bob", "remote.test")
PEER = "192.0.2.7"


def evaluate(zone, sender=SENDER, address=PEER, helo="mx.remote.test"):
    """The result, the questions, and the longest that one step took."""
    evaluation = Evaluation(address, helo, sender, "mx.local.test")
    questions, longest = [], 0.0
    while True:
        began = time.process_time()
        found = evaluation.advance()
        longest = max(longest, time.process_time() - began)
        if isinstance(found, spf.Result):
            return found, questions, longest
        assert found not in questions
        questions.append(found)
        assert len(questions) < 200
        answer = zone(found) if callable(zone) else zone.get((found.kind.value, found.name), ())
        evaluation.answer(found, answer)


def policy(text, **more):
    return {
        ("TXT", "remote.test"): (text.encode(),),
        **{tuple(key.split("_", 1)): value for key, value in more.items()},
    }


def test_an_answer_that_is_missing_is_asked_for_and_the_rest_is_not_asked_again():
    zone = {
        ("TXT", "remote.test"): (b"v=spf1 include:a.test mx -all",),
        ("TXT", "a.test"): (b"v=spf1 a:h.test ~all",),
        ("A", "h.test"): ("192.0.2.1",),
        ("MX", "remote.test"): ((10, "m.test"), (20, "n.test")),
        ("A", "m.test"): ("192.0.2.2",),
        ("A", "n.test"): (PEER,),
    }
    result, questions, _ = evaluate(zone)
    assert (result.status, result.mechanism) == (Status.PASS, "mx")
    assert [(each.kind.value, each.name) for each in questions] == list(zone)


def test_the_hosts_of_an_answer_are_foreseen():
    hosts = tuple((number, f"m{number}.test") for number in range(30))
    foreseen = spf.follow_ups(Question(Kind.MX, "remote.test"), hosts, PEER)
    assert foreseen[0] == Question(Kind.A, "m0.test")
    assert len(foreseen) == spf.MAX_HOSTS
    assert spf.follow_ups(Question(Kind.PTR, "2001:db8::1"), ("p.test",), "2001:db8::1") == (
        Question(Kind.AAAA, "p.test"),
    )
    assert spf.follow_ups(Question(Kind.MX, "remote.test"), None, PEER) == ()
    assert spf.follow_ups(Question(Kind.MX, "remote.test"), ((0, ""),), PEER) == ()


def test_nothing_in_the_library_is_changed():
    assert pyspf.query.dns.__module__ == "spf"
    assert pyspf.DNSLookup is pyspf.DNSLookup_dnspython


def test_an_explanation_is_fetched_for_a_failure_only_and_comes_without_control_characters():
    zone = policy("v=spf1 ip4:192.0.2.9 -all exp=why.remote.test")
    zone["TXT", "why.remote.test"] = (b"%{i} is not\x1b[31m ours, see %{l}\r\nX: y",)
    result, questions, _ = evaluate(zone)
    assert result.explanation == "192.0.2.7 is not?[31m ours, see bob??X: y"
    assert len(questions) == 2
    passed, questions, _ = evaluate(zone, address="192.0.2.9")
    assert (passed.status, passed.explanation, len(questions)) == (Status.PASS, "", 1)


@pytest.mark.parametrize("text", [b"x" * 60_000, b"%{" * 9, "ä".encode(), b"%{x}", b"\xff\x00", b"%{l}" * 400, b""])
def test_an_explanation_that_is_wrong_or_endless_is_cut_or_left_out(text):
    zone = policy("v=spf1 -all exp=why.remote.test")
    zone["TXT", "why.remote.test"] = (text,)
    result, _, longest = evaluate(zone)
    assert result.status is Status.FAIL
    assert len(result.explanation) <= spf.MAX_EXPLANATION
    assert longest / cost.slowness() < 0.05


def test_a_long_explanation_keeps_its_first_sentence():
    zone = policy("v=spf1 -all exp=why.remote.test")
    zone["TXT", "why.remote.test"] = (b"First. " + b"And so on, for a long time. " * 12,)
    assert evaluate(zone)[0].explanation.startswith("First. And so on")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("v=spf1 " + "ip4:10.0.0.1 " * 5_000, Status.PERMERROR),
        ("v=spf1 " + "a " * 4_000, Status.PERMERROR),
        ("v=spf1 a:" + "a" * 480 + "! -all", Status.PERMERROR),
        ("v=spf1 exists:" + "%{d}." * 90 + "com -all", Status.PASS),
        ("v=spf1 exists:" + "%{d}." * 900 + "com -all", Status.PERMERROR),
        ("v=spf1 " + " ".join(["exists:" + "%{l99r+-.,/_=}" * 35 + ".com"] * 9), Status.PASS),
        ("v=spf1 exists:%{d" + "9" * 480 + "}.com -all", Status.PASS),
        ("v=spf1 ip4:1.2.3.4/" + "9" * 480, Status.PERMERROR),
        ("v=spf1 " + "include:a.test " * 11 + "-all", Status.PERMERROR),
        ("v=spf1 redirect=remote.test", Status.PERMERROR),
        ("v=spf1 include:loop.test -all", Status.PERMERROR),
        ("v=spf1 a:x\x00y.test -all", Status.PERMERROR),
        ("v=spf1 a:x\x00.test\x00 -all", Status.PERMERROR),
        ("v=spf1 exists:%{", Status.PERMERROR),
        ("v=spf1 " + "-" * 400, Status.PERMERROR),
        ("v=spf1 " + " " * 8_000 + "-all", Status.FAIL),
    ],
)
def test_a_hostile_policy_ends_soon_with_a_result(text, status):
    def zone(question):
        if question.kind is Kind.TXT:
            named = {
                "remote.test": text,
                "loop.test": "v=spf1 include:loop2.test",
                "loop2.test": "v=spf1 include:loop.test",
            }
            return (named.get(question.name, "v=spf1 ?all").encode("latin-1"),)
        return ("10.9.9.9",)

    sender = Address("a.b-c_d,e" * 7, "remote.test")
    began = time.process_time()
    result, questions, longest = evaluate(zone, sender)
    assert result.status is status, result
    assert longest / cost.slowness() < 0.05
    assert (time.process_time() - began) / cost.slowness() < 0.5
    assert len(questions) <= 12


def test_a_hundred_mx_hosts_are_too_many_and_ten_mx_with_ten_hosts_are_bounded():
    hundred = policy("v=spf1 mx -all", MX_remote_test=())
    hundred["MX", "remote.test"] = tuple((n, f"m{n}.test") for n in range(100))
    assert evaluate(hundred)[0].status is Status.PERMERROR

    def zone(question):
        if question.kind is Kind.TXT:
            return (("v=spf1 " + " ".join(f"mx:d{n}.test" for n in range(10)) + " -all").encode(),)
        if question.kind is Kind.MX:
            return tuple((n, f"m{n}.{question.name}") for n in range(10))
        return ("10.9.9.9",)

    result, questions, longest = evaluate(zone)
    assert result.status is Status.FAIL
    assert len(questions) == 111
    assert longest / cost.slowness() < 0.05


def test_of_a_hundred_names_of_an_address_ten_are_looked_at():
    def zone(question):
        if question.kind is Kind.PTR:
            return tuple(f"p{n}.remote.test" for n in range(100))
        return (b"v=spf1 ptr -all",) if question.kind is Kind.TXT else ("10.0.0.1",)

    result, questions, _ = evaluate(zone)
    assert result.status is Status.FAIL
    assert len(questions) == 12


def test_a_host_of_the_peer_that_cannot_be_looked_up_is_skipped():
    zone = policy("v=spf1 ptr -all")
    zone["PTR", PEER] = ("dead.remote.test", "void.remote.test", "void2.remote.test", "ok.remote.test")
    zone["A", "dead.remote.test"] = None
    zone["A", "ok.remote.test"] = (PEER,)
    assert evaluate(zone)[0].status is Status.PASS
    zone["PTR", PEER] = None
    assert evaluate(zone)[0].status is Status.FAIL


def test_more_than_two_empty_answers_are_a_permanent_error():
    assert evaluate(policy("v=spf1 a:a.test a:b.test -all"))[0].status is Status.FAIL
    assert evaluate(policy("v=spf1 a:a.test a:b.test a:c.test -all"))[0].status is Status.PERMERROR


def test_dns_failures_are_temporary():
    assert evaluate({("TXT", "remote.test"): None})[0].status is Status.TEMPERROR
    zone = policy("v=spf1 a:h.test -all")
    zone["A", "h.test"] = None
    result = evaluate(zone)[0]
    assert (result.status, "h.test" in result.reason) == (Status.TEMPERROR, True)


def test_a_text_record_of_64_kb_that_is_no_policy_is_nothing():
    zone = {("TXT", "remote.test"): (b"x" * 65_000, b"v=spf10 -all", b"v=spf1 ip4:192.0.2.0/24 -all")}
    assert evaluate(zone)[0].status is Status.PASS
    assert not spf.is_policy(b"v=spf10")
    assert spf.is_policy(b"V=SPF1")


def test_a_quoted_local_part_with_an_at_stays_the_senders():
    zone = policy("v=spf1 exists:%{l}.ok.test -all")
    result, questions, _ = evaluate(zone, Address("a@evil.test", "remote.test"))
    assert result.domain == "remote.test"
    assert questions[1].name == "a@evil.test.ok.test"


def test_a_local_part_outside_ascii_never_makes_a_name():
    result, questions, _ = evaluate(policy("v=spf1 exists:%{l}.ok.test -all"), Address("josé", "remote.test"))
    assert (result.status, len(questions)) == (Status.FAIL, 1)


def test_a_name_that_grows_too_long_loses_labels_until_it_fits():
    sender = Address("x", ".".join(["d" * 50] * 4))
    zone = {("TXT", sender.domain): (b"v=spf1 exists:" + b"%{d}." * 3 + b"ok.test -all",)}
    _, questions, _ = evaluate(zone, sender)
    assert len(questions[1].name) <= 253
    assert questions[1].name.endswith("ok.test")


@pytest.mark.parametrize(
    ("text", "depends"),
    [("v=spf1 -all", False), ("v=spf1 exists:%{i}.x.test -all", False), ("v=spf1 exists:%{L}.x.test -all", True),
     ("v=spf1 exists:%{s}.x.test -all", True)],
)  # fmt: skip
def test_it_is_known_whether_the_local_part_mattered(text, depends):
    evaluation = Evaluation(PEER, "mx.remote.test", SENDER, "mx.local.test")
    while not isinstance(found := evaluation.advance(), spf.Result):
        evaluation.answer(found, (text.encode(),) if found.kind is Kind.TXT else ())
    assert evaluation.depends_on_local is depends


def test_the_helo_identity_is_postmaster_of_the_name():
    zone = {
        ("TXT", "mx.remote.test"): (b"v=spf1 exists:%{l}.ok.test -all",),
        ("A", "postmaster.ok.test"): ("127.0.0.2",),
    }
    result = evaluate(zone, None)[0]
    assert (result.status, result.identity, result.domain, result.sender) == (
        Status.PASS, Identity.HELO, "mx.remote.test", "",
    )  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "",
        "localhost",
        "[192.0.2.1]",
        "a..b",
        "a.b.",
        ".a.b",
        "x" * 64 + ".test",
        "x." * 130 + "test",
        "a.\x00b",
        "ä.test",
    ],
)
def test_names_without_a_policy_of_their_own_are_known_beforehand(name):
    assert spf.is_domain(name) is (name == "a.b.")


def test_ipv4_in_ipv6_is_ipv4():
    assert evaluate(policy("v=spf1 ip4:192.0.2.7 -all"), address="::ffff:192.0.2.7")[0].status is Status.PASS
