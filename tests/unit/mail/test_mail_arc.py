"""ARC chains: continued with every kind of key, broken in every place, hostile, and what they are worth to DMARC."""

import re

import pytest

from mailserver.mail import arc, arc_seal, arc_set, canonical, dkim, results
from mailserver.mail.results import Claim
from tests.support import cost

AT = 1_700_000_000
PAIRS = {algorithm: dkim.generate(algorithm) for algorithm in ("rsa-sha256", "ed25519-sha256")}
HEAD = (
    b"From: Alice <alice@author.test>\r\nTo: bob@local.test\r\nSubject: Hello there\r\n"
    b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@author.test>\r\n"
)
BODY = b"Hello.\r\n"
PASSED = (
    Claim("spf", "pass", (("smtp.mailfrom", "a@author.test"),)),
    Claim("dmarc", "pass", (("header.from", "author.test"),)),
)


def key(domain="one.test", algorithm="rsa-sha256"):
    return dkim.SigningKey(domain, "s", algorithm, dkim.load_key(PAIRS[algorithm][0]))


def zone(inspection):
    """Every name has the key of its kind: RSA, but for domains that begin with `ed`."""
    found = {}
    for name in inspection.questions:
        algorithm = "ed25519-sha256" if name.partition("._domainkey.")[2].startswith("ed") else "rsa-sha256"
        found[name] = (dkim.record(PAIRS[algorithm][1]).encode(),)
    return found


def inspected(raw, at=AT):
    end, _ = dkim.border(raw)
    return arc.Inspection(canonical.fields(raw[:end]), at)


def judged(raw, keys=None, at=AT):
    inspection = inspected(raw, at)
    _, start = dkim.border(raw)
    bodies = canonical.digests((raw[start:],), inspection.wanted)
    return inspection.judge(zone(inspection) if keys is None else keys, bodies)


def sealed(raw, by=None, claims=PASSED, before=None):
    """The message with one more set, as a server does it: it judges, writes down what it found, and seals."""
    by = by or key()
    if before is None and b"arc-seal:" in raw.lower():
        before = judged(raw).claim()
    end, start = dkim.border(raw)
    field = results.field(by.domain, [*claims, *([before] if before else [])])
    block = field + b"Received: from a by b; x\r\n" + raw[:end]
    body = canonical.BodyHash()
    body.update(raw[start:])
    said = arc_seal.own_results(canonical.fields(block), by.domain)
    return arc_seal.seal(block, body.digest(), said, by, AT) + block + b"\r\n" + raw[start:]


@pytest.mark.parametrize(
    "domains", [["one.test"], ["ed.test"], ["one.test", "ed.test", "three.test"], ["ed.test"] * 4 + ["one.test"]]
)
def test_a_chain_of_any_keys_passes(domains):
    raw = HEAD + b"\r\n" + BODY
    for domain in domains:
        raw = sealed(raw, key(domain, "ed25519-sha256" if domain.startswith("ed") else "rsa-sha256"))
    result = judged(raw)
    assert (result.status, result.reason, result.oldest_pass) == (arc.Status.PASS, "", 0)
    assert [each.domain for each in result.sealed] == domains
    assert all(each.results.claims[:2] == PASSED for each in result.sealed)
    assert result.claim() == Claim("arc", "pass", (("header.oldest-pass", "0"),))
    assert result.as_json()["sealers"][0]["said"] == {"spf": "pass", "dmarc": "pass"}


def test_fifty_sets_pass_and_a_fifty_first_is_never_added():
    raw = HEAD + b"\r\n" + BODY
    for _ in range(50):
        raw = sealed(raw, key("ed.test", "ed25519-sha256"), PASSED[1:])
    result = judged(raw)
    assert (result.status, result.highest) == (arc.Status.PASS, 50)
    again = sealed(raw, key("ed.test", "ed25519-sha256"), PASSED[1:])
    assert again.lower().count(b"arc-seal:") == 50


def test_who_changed_the_message_shows_in_the_oldest_set_that_holds():
    raw = sealed(sealed(HEAD + b"\r\n" + BODY, key("a.test")), key("b.test"))
    raw = raw.replace(b"Subject: Hello", b"Subject: [list] Hello")
    raw = sealed(raw, key("c.test"), before=Claim("arc", "pass"))
    raw = sealed(raw, key("d.test"))
    result = judged(raw)
    assert (result.status, result.oldest_pass) == (arc.Status.PASS, 3)


@pytest.mark.parametrize("what", [b"Subject: Hello", b"\r\n\r\nHello", b"cv=pass", b"i=1; one.test"])
def test_a_change_after_the_last_seal_breaks_the_chain(what):
    raw = sealed(sealed(HEAD + b"\r\n" + BODY))
    assert what in raw
    result = judged(raw.replace(what, what[:-1] + b"x"))
    assert result.status is arc.Status.FAIL
    assert result.claim().result == "fail"
    assert not result.is_temporary


def test_a_set_that_is_missing_in_the_middle_breaks_the_chain():
    raw = sealed(sealed(sealed(HEAD + b"\r\n" + BODY)))
    fields = [field for name, field in canonical.fields(raw[: dkim.border(raw)[0]])]
    kept = b"".join(field for field in fields if not (field.startswith(b"ARC") and re.search(rb"[ \t]i=2;", field)))
    assert judged(kept + b"\r\n" + BODY).reason == "ARC set 2 is not whole."


def test_a_broken_chain_is_sealed_as_broken_once_and_then_let_be():
    raw = sealed(HEAD + b"\r\n" + BODY).replace(b"Subject: Hello", b"Subject: Bye")
    raw = sealed(raw, key("two.test"))
    assert b"cv=fail" in raw
    result = judged(raw)
    assert (result.status, result.is_ended, result.highest) == (arc.Status.FAIL, True, 2)
    again = sealed(raw, key("three.test"))
    assert b"three.test; i=3" not in again
    assert again.lower().count(b"arc-seal:") == 2


def test_a_key_that_cannot_be_looked_up_fails_for_now_and_ends_no_chain():
    raw = sealed(HEAD + b"\r\n" + BODY)
    result = judged(raw, {})
    assert (result.status, result.is_temporary, result.claim().result) == (arc.Status.FAIL, True, "temperror")
    again = sealed(raw, key("two.test"), before=result.claim())
    assert again.lower().count(b"arc-seal:") == 1
    inspection = inspected(raw)
    missing_body = inspection.judge(zone(inspection), {})
    assert missing_body.is_temporary


def test_a_key_that_there_is_not_fails_for_good():
    raw = sealed(HEAD + b"\r\n" + BODY)
    result = judged(raw, dict.fromkeys(inspected(raw).questions, ()))
    assert (result.status, result.is_temporary) == (arc.Status.FAIL, False)


def test_nobody_seals_without_having_found_something_out():
    block = b"Received: from a by b; x\r\n" + HEAD
    assert arc_seal.own_results(canonical.fields(block), "one.test") == b""
    for nothing in (b"one.test; none", b"one.test", b"other.test; spf=pass"):
        fields = canonical.fields(b"Authentication-Results: " + nothing + b"\r\n" + block)
        assert arc_seal.own_results(fields, "one.test") == b""
    assert arc_seal.seal(block, b"x" * 32, b"", key(), AT) == b""


def test_results_below_received_are_somebody_elses_whatever_name_they_bear():
    forged = b"Authentication-Results: one.test; dmarc=pass\r\n"
    fields = canonical.fields(b"Received: from a by b; x\r\n" + forged + HEAD)
    assert arc_seal.own_results(fields, "one.test") == b""
    ours = b"Authentication-Results: One.Test;\r\n\tdmarc=fail\r\n"
    fields = canonical.fields(ours + b"Received: from a by b; x\r\n" + forged + HEAD)
    assert arc_seal.own_results(fields, "one.test") == b"one.test; dmarc=fail"


def test_a_result_that_does_not_belong_to_the_message_is_not_sealed():
    chained = sealed(HEAD + b"\r\n" + BODY)
    for raw, before in ((chained, Claim("arc", "none")), (HEAD + b"\r\n" + BODY, Claim("arc", "pass"))):
        assert sealed(raw, before=before).lower().count(b"arc-seal:") == raw.lower().count(b"arc-seal:")


def test_a_second_from_is_seen_by_the_seal():
    raw = sealed(HEAD + b"\r\n" + BODY)
    assert judged(b"From: Mallory <m@evil.test>\r\n" + raw).status is arc.Status.FAIL


# -- hostile ---------------------------------------------------------------------------------------------------------


def hostile(sets, length=0, names=1):
    """Sets that look right, with as many different keys."""
    fields = []
    for number in range(1, sets + 1):
        signature = f"a=rsa-sha256; b={'A' * 344}; d=d{number % names}.test; i={number}; s=s; t=1"
        more = f"; x={'y' * length}" if length else ""
        cv = "none" if number == 1 else "pass"
        fields.append(f"ARC-Seal: {signature}; cv={cv}{more.replace('x=', 'z=')}\r\n")
        bh = "A" * 43
        fields.append(
            f"ARC-Message-Signature: {signature}; bh={bh}=; c=relaxed/relaxed; h=from:to{more.replace('x=', 'z=')}\r\n"
        )
        comment = f" ({'c' * length})" if length else ""
        fields.append(f"ARC-Authentication-Results: i={number}; d.test; dmarc=pass{comment}\r\n")
    return "".join(fields).encode() + HEAD + b"\r\n" + BODY


@pytest.mark.parametrize(
    "raw",
    [
        hostile(50), hostile(50, 780), hostile(50, 5000), hostile(51), hostile(500), hostile(50, names=50),
        b"ARC-Seal: i=1;\r\n" * 8000 + HEAD + b"\r\n" + BODY, b"ARC-Seal:\r\n" * 9000 + HEAD + b"\r\n",
        b"ARC-Message-Signature: " + b"i=1;" * 30_000 + b"\r\n" + HEAD + b"\r\n",
        b"ARC-Authentication-Results: i=1; " + b"(" * 120_000 + b"\r\n" + HEAD + b"\r\n",
        hostile(1).replace(b"d.test; dmarc=pass", b"d.test" + b'; a=b c.d="x' * 8000),
        hostile(3).replace(b"h=from:to", b"h=" + b"from:" * 5000),
    ],
    ids=range(12),
)  # fmt: skip
def test_hostile_chains_cost_little(raw):
    assert cost.seconds(inspected, raw) < 0.05  # on the event loop
    inspection = inspected(raw)
    assert len(inspection.questions) <= 51
    assert len(inspection.wanted) <= 3
    assert judged(raw).status is arc.Status.FAIL
    assert cost.seconds(judged, raw) < 0.5


def test_a_body_is_not_hashed_for_every_l_tag():
    limits = iter(range(50))
    raw = re.sub(rb"; c=relaxed/relaxed", lambda found: b"; l=%d%b" % (next(limits), found[0]), hostile(50))
    assert [form.limit for form in inspected(hostile(50)).wanted] == [None]
    assert [form.limit for form in inspected(raw).wanted] == [49]  # of the newest alone


@pytest.mark.parametrize("cv", [b"none", b"pass", b"PASS", b"", b"fail"])
def test_only_the_right_word_continues_a_chain(cv):
    raw = sealed(HEAD + b"\r\n" + BODY).replace(b"cv=none", b"cv=" + cv)
    assert (judged(raw).status is arc.Status.PASS) is (cv == b"none")


def test_old_signatures_may_have_run_out_and_the_newest_not():
    raw = sealed(HEAD + b"\r\n" + BODY)
    once = re.sub(rb"(c=relaxed/relaxed; d=)", b"x=%d; \\1" % (AT + 1), raw)
    late = AT + 10_000_000
    assert "expired" in judged(once, at=late).reason
    twice = sealed(once, key("two.test"), before=Claim("arc", "pass"))
    assert "expired" not in judged(twice, at=late).reason


# -- what a chain is worth -------------------------------------------------------------------------------------------


def chain(*hops):
    """A message that went over servers, each with what it found out."""
    raw = HEAD + b"\r\n" + BODY
    for domain, claims in hops:
        raw = sealed(raw, key(domain), claims)
    return judged(raw)


FAILED = (Claim("dmarc", "fail", (("header.from", "author.test"),)),)


def test_a_trusted_sealer_that_saw_the_author_outweighs_dmarc():
    result = chain(("list.test", PASSED))
    assert "list.test (i=1) found spf=pass" in arc.overrides(result, {"list.test"}, "author.test")
    assert arc.overrides(result, {"other.test"}, "author.test") is None
    assert arc.overrides(result, (), "author.test") is None
    assert arc.overrides(None, {"list.test"}, "author.test") is None


def test_everybody_from_the_newest_back_to_that_one_has_to_be_trusted():
    result = chain(("evil.test", PASSED), ("first.test", PASSED), ("middle.test", FAILED), ("last.test", FAILED))
    assert arc.overrides(result, {"first.test", "middle.test", "last.test"}, "author.test")
    for missing in ("first.test", "middle.test", "last.test"):
        trusted = {"first.test", "middle.test", "last.test"} - {missing}
        assert arc.overrides(result, trusted, "author.test") is None


@pytest.mark.parametrize(
    ("claim", "counts"),
    [
        (Claim("dmarc", "pass", (("header.from", "author.test"),)), True),
        (Claim("dmarc", "pass", (("header.from", "Author.Test."),)), True),
        (Claim("dmarc", "pass"), True),
        (Claim("dmarc", "pass", (("header.from", "other.test"),)), False),
        (Claim("dmarc", "fail", (("header.from", "author.test"),)), False),
        (Claim("dkim", "pass", (("header.d", "author.test"),)), True),
        (Claim("dkim", "pass", (("header.i", "@mail.author.test"),)), True),
        (Claim("dkim", "pass", (("header.d", "notauthor.test"),)), False),
        (Claim("dkim", "pass", (("header.d", "test"),)), False),
        (Claim("dkim", "pass"), False),
        (Claim("spf", "pass", (("smtp.mailfrom", "bounce@author.test"),)), True),
        (Claim("spf", "pass", (("smtp.mfrom", "author.test"),)), True),
        (Claim("spf", "pass", (("smtp.helo", "author.test"),)), False),
        (Claim("spf", "softfail", (("smtp.mailfrom", "a@author.test"),)), False),
        (Claim("arc", "pass"), False),
        (Claim("iprev", "pass", (("policy.iprev", "192.0.2.1"),)), False),
    ],
)
def test_what_counts_as_having_seen_the_author(claim, counts):
    result = chain(("list.test", (claim,)) if claim.method != "arc" else ("list.test", (Claim("iprev", "pass"),)))
    assert (arc.overrides(result, {"list.test"}, "author.test") is not None) is counts


def test_a_broken_chain_is_worth_nothing():
    raw = sealed(HEAD + b"\r\n" + BODY, key("list.test")).replace(b"Hello there", b"Pay me")
    assert arc.overrides(judged(raw), {"list.test"}, "author.test") is None


def test_a_seal_that_leaves_the_author_out_is_worth_nothing():
    raw = HEAD + b"\r\n" + BODY
    end, start = dkim.border(raw)
    block = results.field("list.test", PASSED) + raw[:end]
    body = canonical.BodyHash()
    body.update(raw[start:])
    said = arc_seal.own_results(canonical.fields(block), "list.test")
    loose = arc_seal.seal(block, body.digest(), said, key("list.test"), AT, (), (b"subject",)) + block + b"\r\n" + BODY
    for changed in (loose, loose.replace(b"alice@author.test", b"ceo@author.test"), b"From: x@y.test\r\n" + loose):
        result = judged(changed)
        assert result.status is arc.Status.PASS
        assert arc.overrides(result, {"list.test"}, "author.test") is None


def test_the_sets_of_a_header_say_what_they_are():
    raw = sealed(HEAD + b"\r\n" + BODY)
    (one,) = arc_set.read(canonical.fields(raw[: dkim.border(raw)[0]]), None)
    assert (one.instance, one.sealer, one.verdict) == (1, "one.test", "none")
    assert one.results.authserv_id == "one.test"
    assert arc.Arc().inspect(canonical.fields(HEAD), AT) is None
