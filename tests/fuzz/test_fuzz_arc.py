"""Chains and rewritten senders that were damaged at random: nothing raises, nothing broken passes."""

import random

from mailserver.mail import arc, arc_seal, arc_set, canonical, dkim, results, srs
from mailserver.mail.address import Address
from mailserver.mail.results import Claim
from mailserver.mail.srs import SrsError

PEM, PUBLIC = dkim.generate("ed25519-sha256")
KEY = dkim.SigningKey("one.test", "s", "ed25519-sha256", dkim.load_key(PEM))
RECORD = (dkim.record(PUBLIC).encode(),)
HEAD = b"From: a@author.test\r\nTo: b@local.test\r\nSubject: Hello\r\nMessage-ID: <1@author.test>\r\n"
BODY = b"Hello.\r\n"
PIECES = [b"", b";", b"=", b"i=", b"i=2;", b"b=", b"\r\n", b"\r\n ", b"\x00", b"\xff", b"(", b'"', b":", b"ARC-Seal: "]


def digest(body):
    made = canonical.BodyHash()
    made.update(body)
    return made.digest()


def chain(length):
    block = HEAD
    for number in range(length):
        found = [Claim("dmarc", "pass"), *([Claim("arc", "pass")] if number else [])]
        block = results.field("one.test", found) + b"Received: by b; x\r\n" + block
        said = arc_seal.own_results(canonical.fields(block), "one.test")
        block = arc_seal.seal(block, digest(BODY), said, KEY, 1) + block
    return block


def sets_of(block):
    """The fields of the sets, without blanks and case of names: that is all that may change in them."""
    return sorted(
        (name, b"".join(field.partition(b":")[2].split()))
        for name, field in canonical.fields(block)
        if name in arc_set.NAMES
    )


def damaged(chance, block):
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(block))
        end = min(len(block), start + chance.choice([0, 1, 1, 4, 60, 400]))
        block = block[:start] + chance.choice([*PIECES, block[start:end] * 2]) + block[end:]
    return block


def test_no_damage_raises_and_the_seals_see_it():
    chance = random.Random(8617)
    whole = chain(3)
    passed = 0
    for _ in range(1500):
        block = damaged(chance, whole)
        inspection = arc.Inspection(canonical.fields(block), 1)
        result = inspection.judge(
            dict.fromkeys(inspection.questions, RECORD), canonical.digests((BODY,), inspection.wanted)
        )
        result.claim()
        result.as_json()
        arc.overrides(result, {"one.test"}, "author.test")
        arc_seal.seal(block, digest(BODY), b"one.test; dmarc=pass; arc=" + str(result.status).encode(), KEY, 1)
        if result.status is arc.Status.PASS:
            passed += 1
            assert sets_of(block) == sets_of(whole)
            assert b"a@author.test" in block
    assert 0 < passed < 600  # what was damaged was no part of the seals


def test_no_address_raises_anything_else_and_none_is_believed():
    chance = random.Random(1)
    good = srs.rewrite(b"secret", Address("alice", "author.test"), "local.test", 0).local
    for _ in range(3000):
        local = list(good)
        for _ in range(chance.randint(1, 4)):
            local[chance.randrange(len(local))] = chance.choice(
                ["=", "", "a", "Z", "\ud800", "é", "+", "@", "SRS1=", "\0"]
            )
        text = "".join(local)
        if text.lower() == good.lower():
            continue
        try:
            found = srs.read(b"secret", Address(text, "local.test"), 0)
        except SrsError:
            continue
        assert found == Address("alice", "author.test"), text
