"""Chains that dkimpy continues after us, and we after it."""

import time

import dkim as dkimpy
import pytest

from mailserver.mail import arc, arc_seal, canonical, dkim, results
from mailserver.mail.results import Claim
from tests.interop.test_dkim_others import AT, CORPUS, KEY, PEM, RECORD, SIGNED_NAMES

ORDINARY = [name for name in CORPUS if name not in ("latin 1", "eight bits")]  # dkimpy reads results as text


def record(name, timeout=5):
    return RECORD.encode()


def judged(raw):
    end, start = dkim.border(raw)
    inspection = arc.Inspection(canonical.fields(raw[:end]), int(time.time()))
    keys = {name: (RECORD.encode(),) for name in inspection.questions}
    return inspection.judge(keys, canonical.digests((raw[start:],), inspection.wanted))


def by_us(raw, before=None):
    claims = [Claim("spf", "pass", (("smtp.mailfrom", "a@local.test"),)), Claim("dmarc", "pass")]
    end, start = dkim.border(raw)
    block = results.field("local.test", [*claims, *([before] if before else [])])
    block += b"Received: from a by b; x\r\n" + raw[:end]
    body = canonical.BodyHash()
    body.update(raw[start:])
    said = arc_seal.own_results(canonical.fields(block), "local.test")
    return arc_seal.seal(block, body.digest(), said, KEY, AT) + block + b"\r\n" + raw[start:]


def by_dkimpy(raw, before):
    found = f"Authentication-Results: theirs.test; arc={before}; spf=pass smtp.mailfrom=a@local.test\r\n".encode()
    fields = dkimpy.arc_sign(found + raw, b"r", b"local.test", PEM, b"theirs.test", include_headers=SIGNED_NAMES)
    assert fields
    return b"".join(fields) + found + raw


@pytest.mark.parametrize("name", CORPUS)
def test_dkimpy_believes_our_seal(name):
    verdict, found, why = dkimpy.arc_verify(by_us(CORPUS[name]), dnsfunc=record)
    assert verdict == b"pass", (why, found)


@pytest.mark.parametrize("name", ORDINARY)
def test_we_believe_the_seal_of_dkimpy(name):
    result = judged(by_dkimpy(CORPUS[name], "none"))
    assert (result.status, result.reason, result.oldest_pass) == (arc.Status.PASS, "", 0)


@pytest.mark.parametrize("name", ["plain", "odd folding", "blank lines at the end", "a field twice"])
def test_a_chain_goes_back_and_forth(name):
    raw = by_us(CORPUS[name])
    raw = by_dkimpy(raw, "pass")
    first = judged(raw)
    assert (first.status, first.highest) == (arc.Status.PASS, 2)
    raw = by_us(raw, first.claim())
    verdict, _, why = dkimpy.arc_verify(raw, dnsfunc=record)
    assert verdict == b"pass", why
    assert [each.results.authserv_id for each in judged(raw).sealed] == ["local.test", "theirs.test", "local.test"]


def test_dkimpy_sees_what_was_changed_after_our_seal():
    raw = by_us(CORPUS["plain"]).replace(b"Hello there", b"Hello here")
    assert dkimpy.arc_verify(raw, dnsfunc=record)[0] == b"fail"
    assert judged(raw).status is arc.Status.FAIL
