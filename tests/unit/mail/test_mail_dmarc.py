import pytest

from mailserver.mail import dmarc, dmarc_record, organization
from mailserver.mail.dmarc import Authenticated, Authors, Status
from mailserver.mail.dmarc_record import Policy
from tests.support import cost


def zone(**records):
    """Answers for every name of every walk; dots are written as two underscores."""
    given = {name.replace("__", "."): value for name, value in records.items()}
    return Answers(given)


class Answers(dict):
    """What is not said does not exist; None is a failure of DNS."""

    def get(self, name, default=None):
        if name not in self:
            return ()
        value = self[name]
        return value if value is None else tuple(one.encode() for one in ([value] if isinstance(value, str) else value))


def evaluate(author, answers, spf=(), dkim=(), exists=None, **more):
    return dmarc.evaluate(author, answers, Authenticated(spf, dkim, **more), exists)


@pytest.mark.parametrize(
    ("record", "policy"),
    [
        (b"v=DMARC1; p=reject", Policy("reject")),
        (b"v=DMARC1;p=none;sp=quarantine;np=reject", Policy("none", "quarantine", "reject")),
        (b" v=DMARC1; p=reject", None),
        (b"V=DMARC1; p=reject", None),
        (b"v=dmarc1; p=reject", None),
        (b"p=reject; v=DMARC1", None),
        (b"v=DMARC10; p=reject", None),
        (b"v=spf1 -all", None),
        (b"v = DMARC1 ;\tp = REJECT ; adkim = S; aspf=s", Policy("reject", adkim="s", aspf="s")),
        (b"v=DMARC1; p=reject; t=y; psd=n", Policy("reject", is_testing=True, psd="n")),
        (b"v=DMARC1; p=reject; psd=x; t=maybe; adkim=q; fo=9", Policy("reject")),
        (b"v=DMARC1; p=quarantine; pct=0; rf=afrf; ri=86400", Policy("quarantine")),
        (b"v=DMARC1; p=reject; p=none", Policy("reject")),
        (b"v=DMARC1; p=reject; \x00; ;;=; x", Policy("reject")),
        (b"v=DMARC1; p=sometimes", Policy()),
        (b"v=DMARC1", Policy()),
        (b"v=DMARC1; p=reject; sp=perhaps", Policy()),
        (b"v=DMARC1; rua=mailto:a@x.test", Policy("none", rua=("mailto:a@x.test",))),
        (b"v=DMARC1; p=reject; sp=perhaps; rua=mailto:a@x.test", Policy("none", rua=("mailto:a@x.test",))),
        (b"v=DMARC1; p=none; fo=1:d:s", Policy("none", fo=("1", "d", "s"))),
        (
            b"v=DMARC1; p=none; rua=mailto:a@x.test!10m , https://x.test/r,nonsense; ruf=mailto:b@x.test",
            Policy("none", rua=("mailto:a@x.test", "https://x.test/r"), ruf=("mailto:b@x.test",)),
        ),
        (b"v=DMARC1; p=reject; x=" + b"y" * 10_000, None),
    ],
)
def test_records_are_read_as_rfc_9989_has_it(record, policy):
    assert dmarc_record.parse(record) == policy


def test_of_a_thousand_report_addresses_ten_are_kept():
    record = b"v=DMARC1; p=none; rua=" + b",".join(b"mailto:%d@x.test" % n for n in range(300))
    assert len(dmarc_record.parse(record).rua) == dmarc_record.MAX_ADDRESSES


@pytest.mark.parametrize(
    ("policy", "subdomain", "exists", "asked"),
    [
        (Policy("reject"), False, True, "reject"),
        (Policy("reject", "none"), True, True, "none"),
        (Policy("reject", "none"), False, True, "reject"),
        (Policy("none", "quarantine", "reject"), True, False, "reject"),
        (Policy("none", "quarantine"), True, False, "quarantine"),
        (Policy("reject"), True, False, "reject"),
        (Policy("reject", is_testing=True), False, True, "quarantine"),
        (Policy("quarantine", is_testing=True), False, True, "none"),
        (Policy("none", is_testing=True), False, True, "none"),
    ],
)
def test_the_request_is_that_for_this_kind_of_domain_and_one_less_under_test(policy, subdomain, exists, asked):
    assert policy.request(is_subdomain=subdomain, exists=exists) == asked


def test_a_walk_has_eight_questions_at_most():
    assert organization.names("example.com") == ("example.com", "com")
    assert organization.names("com") == ("com",)
    assert organization.names("a.b.c.d.e.f.g.h.i.j.mail.example.com") == (
        "a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com", "h.i.j.mail.example.com",
        "i.j.mail.example.com", "j.mail.example.com", "mail.example.com", "example.com", "com",
    )  # fmt: skip
    for count in range(1, 40):
        names = organization.names(".".join("x" * count))
        assert len(names) == min(count, 8)
        assert names[-1] == "x"


@pytest.mark.parametrize(
    ("records", "start", "expected"),
    [
        # The three examples of RFC 9989 4.10.2.
        (
            {"mail.example.com": "v=DMARC1; p=none", "example.com": "v=DMARC1; p=none"},
            "a.mail.example.com",
            "example.com",
        ),
        ({"mail.example.com": "v=DMARC1; p=none; psd=n"}, "a.mail.example.com", "mail.example.com"),
        ({"com": "v=DMARC1; p=none; psd=y"}, "a.mail.example.com", "example.com"),
        ({}, "a.mail.example.com", "a.mail.example.com"),
        ({"co.test": "v=DMARC1; p=none; psd=y"}, "co.test", "co.test"),
        ({"x.co.test": "v=DMARC1; p=none", "co.test": "v=DMARC1; p=none; psd=y"}, "x.co.test", "x.co.test"),
        ({"example.com": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, "a.example.com", "a.example.com"),
        ({"example.com": ["v=spf1 -all", "v=DMARC1; p=reject"]}, "a.example.com", "example.com"),
    ],
)
def test_the_organisation_is_found_by_the_walk(records, start, expected):
    assert organization.walk(start, Answers(records)).organization == expected


def test_the_policy_is_the_domains_own_else_its_organisations_else_its_public_suffixs():
    own = zone(a__x__test="v=DMARC1; p=none", x__test="v=DMARC1; p=reject")
    assert organization.walk("a.x.test", own).applies.domain == "a.x.test"
    above = zone(b__a__x__test="v=DMARC1; p=none", x__test="v=DMARC1; p=reject")
    assert organization.walk("a.x.test", above).applies.domain == "x.test"
    between = zone(a__x__test="v=DMARC1; p=none", x__test="v=DMARC1; p=reject")
    assert organization.walk("b.a.x.test", between).applies.domain == "x.test"
    suffix = zone(test="v=DMARC1; p=reject; psd=y")
    assert organization.walk("b.a.x.test", suffix).applies.domain == "test"
    both = zone(x__test="v=DMARC1; p=none", test="v=DMARC1; p=reject; psd=y")
    assert organization.walk("a.x.test", both).applies.domain == "x.test"
    assert organization.walk("a.x.test", zone()).applies is None


REJECT = "v=DMARC1; p=reject"


@pytest.mark.parametrize(
    ("author", "spf", "dkim", "aligned"),
    [
        ("x.test", ("x.test",), (), (True, False)),
        ("x.test", (), ("x.test",), (False, True)),
        ("x.test", ("bounce.x.test",), (), (True, False)),
        ("news.x.test", (), ("x.test",), (False, True)),
        ("news.x.test", (), ("mail.x.test",), (False, True)),
        ("x.test", ("evil.test",), ("evilx.test",), (False, False)),
        ("x.test", ("test",), (), (False, False)),
        ("x.test", (), ("other.test", "a.x.test"), (False, True)),
        ("x.test", (), (), (False, False)),
    ],
)
def test_relaxed_alignment_is_one_organisation(author, spf, dkim, aligned):
    result = evaluate(author, zone(x__test=REJECT), spf, dkim)
    assert (result.spf_aligned, result.dkim_aligned) == aligned
    assert result.status is (Status.PASS if any(aligned) else Status.FAIL)
    assert result.disposition == ("none" if any(aligned) else "reject")


def test_strict_alignment_is_the_very_domain():
    answers = zone(x__test="v=DMARC1; p=reject; adkim=s; aspf=r")
    assert evaluate("x.test", answers, dkim=("a.x.test",)).status is Status.FAIL
    assert evaluate("x.test", answers, spf=("a.x.test",)).status is Status.PASS
    assert evaluate("x.test", answers, dkim=("x.test",)).status is Status.PASS


def test_a_department_with_an_organisation_of_its_own_is_not_aligned_with_the_rest():
    answers = zone(x__test=REJECT, dep__x__test="v=DMARC1; p=reject; psd=n")
    assert evaluate("x.test", answers, dkim=("mail.dep.x.test",)).status is Status.FAIL
    assert evaluate("a.dep.x.test", answers, dkim=("mail.dep.x.test",)).status is Status.PASS
    assert evaluate("a.dep.x.test", answers, dkim=("x.test",)).status is Status.FAIL


def test_neighbours_under_one_public_suffix_are_strangers():
    answers = zone(test="v=DMARC1; p=reject; psd=y")
    assert evaluate("a.test", answers, dkim=("b.test",)).status is Status.FAIL
    assert evaluate("a.test", answers, dkim=("mail.a.test",)).status is Status.PASS
    assert evaluate("a.test", answers, dkim=("test",)).status is Status.FAIL


def test_only_those_identifiers_are_walked_that_could_be_of_the_organisation():
    walked = organization.walk("x.test", zone(x__test=REJECT))
    assert dmarc.candidates("x.test", walked, ["x.test", "a.x.test", "evil.test", "a.x.test"]) == ("a.x.test",)
    assert dmarc.candidates("x.test", organization.walk("x.test", zone()), ["a.x.test"]) == ()


def test_without_a_policy_there_is_nothing_to_say():
    result = evaluate("x.test", zone(), spf=("x.test",))
    assert (result.status, result.disposition, result.policy) == (Status.NONE, "none", Policy())
    assert evaluate("x.test", zone(x__test="v=DMARC1; p=often")).status is Status.NONE


def test_dns_failures_are_temporary_and_never_a_rejection():
    assert evaluate("x.test", zone(x__test=None)).status is Status.TEMPERROR
    assert evaluate("a.x.test", zone(x__test=None)).status is Status.TEMPERROR
    above = zone(x__test=REJECT, test=None)
    assert evaluate("x.test", above, spf=("x.test",)).status is Status.PASS
    assert evaluate("x.test", above).status is Status.FAIL
    assert evaluate("x.test", above, spf=("a.x.test",)).status is Status.TEMPERROR
    assert evaluate("x.test", above, spf=("elsewhere.example",)).status is Status.FAIL
    answers = zone(x__test=REJECT)
    assert evaluate("x.test", answers, spf_undecided=("x.test",)).status is Status.TEMPERROR
    assert evaluate("x.test", answers, dkim_undecided=("a.x.test",)).status is Status.TEMPERROR
    assert evaluate("x.test", answers, dkim_undecided=("evil.test",)).status is Status.FAIL


def test_a_name_that_does_not_exist_gets_its_own_policy():
    answers = zone(x__test="v=DMARC1; p=none; sp=quarantine; np=reject")
    assert evaluate("ghost.x.test", answers, exists={"ghost.x.test": False}).disposition == "reject"
    assert evaluate("ghost.x.test", answers, exists={"ghost.x.test": True}).disposition == "quarantine"
    assert evaluate("ghost.x.test", answers).disposition == "quarantine"


def test_the_result_has_what_a_report_needs():
    record = "v=DMARC1; p=quarantine; sp=none; t=y; adkim=s; rua=mailto:r@x.test; fo=1"
    result = evaluate("x.test", zone(x__test=record), spf=("evil.test",))
    assert (result.domain, result.policy_domain, result.record) == ("x.test", "x.test", record)
    assert (result.policy.p, result.policy.sp, result.policy.is_testing) == ("quarantine", "none", True)
    assert result.disposition == "none"


@pytest.mark.parametrize(
    ("values", "domains", "defect"),
    [
        ([b" Bob <bob@X.test>\r\n"], ("x.test",), ""),
        ([b' "Bob <ceo@bank.test>" <eve@evil.test>'], ("evil.test",), ""),
        ([b' "a@bank.test"@evil.test'], ("evil.test",), ""),
        ([b" bob@x.test."], ("x.test",), ""),
        (["bob@bücher.test".encode()], ("xn--bcher-kva.test",), ""),
        ([b" bob@xn--bcher-kva.test"], ("xn--bcher-kva.test",), ""),
        ([b" a@x.test, b@x.test"], ("x.test",), ""),
        ([b" a@x.test, b@y.test"], ("x.test", "y.test"), ""),
        ([b" a@x.test", b" b@y.test"], ("x.test", "y.test"), "more than one From"),
        ([b" a@x.test"] * 2, ("x.test",), "more than one From"),
        ([], (), "no From"),
        ([b" "], (), "no address"),
        ([b" undisclosed:;"], (), "no address"),
        ([b" MAILER-DAEMON"], (), "without a domain"),
        ([b" a@[192.0.2.1]"], (), "without a domain"),
        ([b" a@x..test"], (), "without a domain"),
        ([b" a@" + b"x" * 300 + b".test"], (), "without a domain"),
        ([b" a@x.test, b"], ("x.test",), ""),
        ([b",".join(b"a@x%d.test" % n for n in range(9))], tuple(f"x{n}.test" for n in range(5)), "more than five"),
        ([b" " * 9_000 + b"a@x.test"], (), "longer than 8 KB"),
    ],
)
def test_authors_are_read_from_from(values, domains, defect):
    found = dmarc.authors(values)
    assert found.domains == domains
    assert defect in found.defect
    assert bool(found.defect) == bool(defect)


@pytest.mark.parametrize("value", [b'"' * 128_000, b"(" * 128_000, b"a:;" * 40_000, b"a@b.test," * 14_000])
def test_a_from_that_is_a_bomb_is_read_in_time(value):
    assert cost.seconds(dmarc.authors, [value] * 5) < 0.05


def combined(domains, answers, defect="", **found):
    people = Authors(domains, defect)
    return dmarc.combine(people, [evaluate(each, answers, **found) for each in domains])


def test_several_authors_pass_only_together():
    answers = zone(x__test=REJECT, y__test="v=DMARC1; p=quarantine")
    assert combined(("x.test", "y.test"), answers, dkim=("x.test", "y.test")).status is Status.PASS
    result = combined(("x.test", "y.test"), answers, dkim=("x.test",))
    assert (result.status, result.domain, result.disposition) == (Status.FAIL, "y.test", "quarantine")
    assert combined(("x.test", "none.test"), answers, dkim=("x.test",)).status is Status.NONE


def test_two_from_fields_fail_by_the_strictest_of_their_policies():
    answers = zone(x__test=REJECT, y__test="v=DMARC1; p=none")
    result = combined(("y.test", "x.test"), answers, "The message has more than one From.", dkim=("x.test", "y.test"))
    assert (result.status, result.domain, result.disposition) == (Status.FAIL, "x.test", "reject")
    assert not result.dkim_aligned
    nobody = combined(("n.test",), answers, "The message has more than one From.")
    assert (nobody.status, nobody.disposition) == (Status.PERMERROR, "none")


def test_without_an_author_nothing_can_be_checked():
    result = dmarc.combine(Authors((), "The message has no From."), [])
    assert (result.status, result.reason) == (Status.PERMERROR, "The message has no From.")
