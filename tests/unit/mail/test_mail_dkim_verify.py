"""Verification in steps, the RFCs' own examples, and signatures that mean no good."""

import base64
import time
from pathlib import Path

import dkim as dkimpy
import pytest

from mailserver.mail import canonical, dkim, dkim_key, dkim_tags
from mailserver.mail.canonical import Form
from mailserver.mail.dkim_verify import MAX_SIGNATURES, Inspection
from tests.support import cost

VECTORS = sorted((Path(__file__).parents[2] / "vectors/dkim").glob("*.msg"))
AT = int(time.time())
RSA_PEM, RSA_PUBLIC = dkim.generate("rsa-sha256")
ED_PEM, ED_PUBLIC = dkim.generate("ed25519-sha256")
RSA_KEY = dkim.SigningKey("local.test", "r", "rsa-sha256", dkim.load_key(RSA_PEM))
ED_KEY = dkim.SigningKey("local.test", "e", "ed25519-sha256", dkim.load_key(ED_PEM))
KEYS = {
    "r._domainkey.local.test": (dkim.record(RSA_PUBLIC).encode(),),
    "e._domainkey.local.test": (dkim.record(ED_PUBLIC).encode(),),
}
HEAD = b"From: a@local.test\r\nTo: b@remote.test\r\nSubject: s\r\nDate: d\r\nMessage-ID: <1@local.test>\r\n"
BODY = b"Hello\r\n"
MESSAGE = HEAD + b"\r\n" + BODY


def crlf(raw):
    return raw.replace(b"\n", b"\r\n")


def judged(message, keys=KEYS, authors=("local.test",), at=AT):
    head, body = dkim.border(message)
    inspection = Inspection(canonical.fields(message[:head]), authors, at)
    return inspection.judge(keys, canonical.digests([message[body:]], inspection.wanted))


def only(message, **more):
    (result,) = judged(message, **more)
    return result


def signed(message=MESSAGE, keys=(ED_KEY,), at=AT):
    return dkim.sign(message, keys, at) + message


def edited(message, old, new):
    assert old in message
    return message.replace(old, new, 1)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_the_examples_of_the_rfcs_verify(path):
    zone = dict(line.split(" ", 1) for line in path.with_suffix(".dns").read_text().splitlines())
    message = crlf(path.read_bytes())
    keys = {name: (text.encode(),) for name, text in zone.items()}
    found = judged(message, keys, ())
    lines = [f"{one.status} {one.domain} {one.selector} {one.algorithm} {one.key_bits}" for one in found]
    assert lines == path.with_suffix(".result").read_text().splitlines()
    worse = judged(message + b"Extra line.\r\n", keys, ())
    assert {one.status for one in worse} == {dkim.Status.FAIL}


def test_there_are_vectors():
    assert len(VECTORS) >= 2


def test_the_questions_and_forms_come_from_the_header_alone():
    block = dkim.sign(MESSAGE, (RSA_KEY, ED_KEY), AT) + HEAD
    assert dkim.questions(block) == ("r._domainkey.local.test", "e._domainkey.local.test")
    assert dkim.wanted(block) == (Form(relaxed=True),)
    assert dkim.questions(HEAD) == ()


def test_several_forms_are_hashed_in_one_pass_like_one_by_one():
    forms = [Form(relaxed, limit) for relaxed in (True, False) for limit in (None, 0, 7, 1_000_000)]
    body = b"some  words \t\r\n\r\nmore\r\n \r\n\r\n" * 5
    together = canonical.digests([body[at : at + 11] for at in range(0, len(body), 11)], forms)
    for form in forms:
        alone = canonical.BodyHash(relaxed=form.relaxed, limit=form.limit)
        alone.update(body)
        assert together[form].octets == alone.digest()
        assert together[form].length == alone.length


def test_a_key_or_body_that_is_missing_is_temporary():
    assert only(signed(), keys={}).status is dkim.Status.TEMPERROR
    assert only(signed(), keys={"e._domainkey.local.test": None}).status is dkim.Status.TEMPERROR
    head, _ = dkim.border(signed())
    (result,) = Inspection(canonical.fields(signed()[:head]), (), AT).judge(KEYS, {})
    assert (result.status, result.reason) == (dkim.Status.TEMPERROR, "The body could not be read.")


def test_of_500_signatures_the_authors_own_are_looked_at_first():
    strangers = b"".join(
        b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.test; s=s; h=from; bh=AAAA; b=AAAA\r\n" % number
        for number in range(500)
    )
    below = b"DKIM-Signature: v=1; a=rsa-sha256; d=sub.local.test; s=s; h=from; bh=AAAA; b=AAAA\r\n"
    raw = strangers + below + signed()
    results = judged(raw)
    assert cost.seconds(judged, raw) < 0.5  # what grows with the square takes ten times as long
    assert len(results) == MAX_SIGNATURES
    assert [(one.domain, one.status) for one in results][-1] == ("local.test", dkim.Status.PASS)
    assert results[-2].domain == "sub.local.test"


def test_10_000_fields_are_read_in_time():
    block = b"".join(b"X%d: y\r\n" % number for number in range(10_000))
    raw = signed()[: -len(MESSAGE)] + block + MESSAGE
    result = only(raw)
    assert cost.seconds(only, raw) < 0.5  # what grows with the square takes ten times as long
    assert result.status is dkim.Status.PASS


def test_a_header_beyond_128_kb_is_not_checked():
    block = b"".join(b"X%d: y\r\n" % number for number in range(15_000))
    result = only(signed()[: -len(MESSAGE)] + block + MESSAGE)
    assert (result.status, result.reason) == (dkim.Status.PERMERROR, "The header is longer than 128 KB.")


def test_64_kb_of_names_are_refused_in_time():
    names = b"h=" + b"from:" + b"a:" * 32_000 + b"b"
    field = b"DKIM-Signature: v=1; a=rsa-sha256; d=local.test; s=s; " + names + b"; bh=AAAA; b=AAAA\r\n"
    assert only(field + MESSAGE).status is dkim.Status.PERMERROR
    assert cost.seconds(only, field + MESSAGE) < 0.5  # what grows with the square takes ten times as long


def test_names_named_15_000_times_are_worked_off_in_time():
    field = dkimpy.sign(MESSAGE, b"r", b"local.test", RSA_PEM, include_headers=[b"from", b"to"])
    long = edited(field.replace(b"\r\n ", b" "), b"h=", b"h=" + b"to:" * 10_000)
    assert only(long + MESSAGE).status is dkim.Status.FAIL
    assert cost.seconds(only, long + MESSAGE) < 1


@pytest.mark.parametrize("body", [b"\r\n" * 500_000, b" \t" * 500_000, b"\r" * 1_000_000, b" \r\n" * 300_000 + b"x"])
def test_bodies_of_hardly_anything_are_hashed_in_time(body):
    forms = [Form(relaxed=True), Form(relaxed=False), Form(relaxed=True, limit=5)]
    assert len(canonical.digests([body], forms)) == 3
    assert cost.seconds(canonical.digests, [body], forms) < 2


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"v=1;", b"v=2;", "another version"),
        (b"v=1;", b"", "no v= tag"),
        (b"a=ed25519-sha256", b"a=rsa-sha1", "not allowed"),
        (b"a=ed25519-sha256", b"a=", "no a= tag"),
        (b"d=local.test;", b"d=local..test;", "signing domain"),
        (b"d=local.test;", b"d=local\x00.test;", "signing domain"),
        (b"d=local.test;", b"d=" + b"a." * 200 + b"test;", "signing domain"),
        (b"d=local.test;", b"d=local.test; d=local.test;", "cannot be read"),
        (b"s=e;", b"s=e/../x;", "selector"),
        (b"s=e;", b"s=e\xff;", "selector"),
        (b"s=e;", b"s=" + b"s" * 300 + b";", "selector"),
        (b"s=e;", b"s=;", "no s= tag"),
        (b"s=e;", b"s=e; i=local.test;", "identity"),
        (b"s=e;", b"s=e; i=\x07@local.test;", "identity"),
        (b"s=e;", b"s=e; i=@evil.test;", "identity is not"),
        (b"s=e;", b"s=e; i=@xlocal.test;", "identity is not"),
        (b"s=e;", b"s=e; q=http;", "not published"),
        (b"s=e;", b"s=e; l=-1;", "number"),
        (b"s=e;", b"s=e; l=1e3;", "number"),
        (b"s=e;", "s=e; l=\u0663;".encode(), "number"),
        (b"s=e;", b"s=e; l=9999999999999;", "number"),
        (b"c=relaxed/relaxed", b"c=relaxed/loose", "canonical form"),
        (b"bh=", b"bh=!", "body hash"),
        (b"x=", b"x=1; y=", "before it was made"),
    ],
)
def test_a_broken_tag_is_a_permanent_error_with_its_reason(old, new, reason):
    result = only(edited(signed(), old, new))
    assert result.status is dkim.Status.PERMERROR
    assert reason in result.reason
    assert (result.domain + result.selector + result.identity).isprintable()


def test_a_refused_algorithm_still_says_who_signed():
    result = only(edited(signed(), b"a=ed25519-sha256", b"a=rsa-sha1"))
    assert (result.domain, result.selector) == ("local.test", "e")


def test_a_signature_over_more_than_there_is_is_no_signature():
    field = dkimpy.sign(MESSAGE, b"r", b"local.test", RSA_PEM, length=True, include_headers=[b"from"])
    longer = edited(field, b"l=%d" % len(BODY), b"l=%d" % (len(BODY) + 5))
    assert only(longer + MESSAGE).reason == "The signature covers more than there is."


def key_record(**changed):
    return {"e._domainkey.local.test": changed["records"]}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"v=DKIM1; p=" + b"A" * 65_000, "longer than 8 KB"),
        (b"v=DKIM1; k=ed25519; p=\x00", "no key"),
        (b"\x00" * 50, "cannot be read"),
        (b"v=DKIM1; k=ed25519; p=" + base64.b64encode(b"short"), "not 32 octets"),
        (b"", "another kind"),
    ],
)
def test_a_strange_key_record_is_a_permanent_error(record, reason):
    result = only(signed(), keys=key_record(records=(record,)))
    assert result.status is dkim.Status.PERMERROR
    assert reason in result.reason


def test_among_several_records_the_key_is_found():
    records = (b"google-site-verification=x", dkim.record(ED_PUBLIC).encode(), b"v=spf1 -all")
    assert only(signed(), keys=key_record(records=records)).status is dkim.Status.PASS
    assert only(signed(), keys=key_record(records=())).reason == "There is no such key."


def test_a_key_under_test_neither_hurts_nor_is_kept_from_helping():
    record = (dkim.record(ED_PUBLIC) + "; t=y").encode()
    assert only(signed(), keys=key_record(records=(record,))).status is dkim.Status.PASS
    broken = only(edited(signed(), b"Hello", b"Hallo"), keys=key_record(records=(record,)))
    assert (broken.status, broken.is_test) == (dkim.Status.NEUTRAL, True)


def test_a_key_with_fewer_than_2048_bits_passes_and_is_told():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(65_537, 1_024)
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = dkim.SigningKey("local.test", "e", "rsa-sha256", private)
    record = b"v=DKIM1; p=" + base64.b64encode(public)
    result = only(signed(keys=(key,)), keys=key_record(records=(record,)))
    assert (result.status, result.reason, result.key_bits) == (
        dkim.Status.PASS, "The RSA key has 1024 bits only.", 1_024,
    )  # fmt: skip


def test_a_signature_has_the_letters_that_tell_it_from_others():
    result = only(signed())
    tags = dkim_tags.parse(canonical.fields(signed())[0][1].partition(b":")[2])
    assert result.signature == dkim_tags.without_folds(tags[b"b"])[:8].decode()


def test_a_signing_domain_in_its_own_letters_is_read_as_dns_has_it():
    message = edited(signed(), b"d=local.test;", "d=bücher.test;".encode())
    result = only(message)
    assert result.domain == "xn--bcher-kva.test"
    assert result.status is dkim.Status.TEMPERROR  # its key was not asked for


def test_a_message_without_a_header_has_no_signature_and_does_not_break():
    assert judged(b"\r\nbody")[0].status is dkim.Status.NONE
    assert judged(b"")[0].status is dkim.Status.NONE
    assert dkim.border(b"\r\nbody") == (0, 2)


def test_a_key_for_another_algorithm_does_not_verify():
    with pytest.raises(dkim_key.KeyUnusableError):
        dkim_key.read(dkim.record(RSA_PUBLIC).encode(), "ed25519-sha256")
