import base64
import random
import time

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailserver.mail import canonical, dkim, dkim_key
from mailserver.mail.resolver import LookupFailed

AT = int(time.time())  # the independent verifier looks at the clock
RSA_PEM, RSA_PUBLIC = dkim.generate("rsa-sha256")
ED_PEM, ED_PUBLIC = dkim.generate("ed25519-sha256")
KEYS = (
    dkim.SigningKey("local.test", "r1", "rsa-sha256", dkim.load_key(RSA_PEM)),
    dkim.SigningKey("local.test", "e1", "ed25519-sha256", dkim.load_key(ED_PEM)),
)
ZONE = {
    "r1._domainkey.local.test": dkim.record(RSA_PUBLIC).encode(),
    "e1._domainkey.local.test": dkim.record(ED_PUBLIC).encode(),
}
HEAD = (
    b"From: Alice <alice@local.test>\r\nTo: bob@remote.test\r\nSubject: Hello there\r\n"
    b"Date: Fri, 21 Nov 2025 10:00:00 +0000\r\nMessage-ID: <1@local.test>\r\n"
)
MESSAGES = {
    "plain": HEAD + b"\r\nHello\r\n",
    "empty body": HEAD + b"\r\n",
    "only blank lines": HEAD + b"\r\n\r\n\r\n\r\n",
    "trailing blank lines": HEAD + b"\r\nHello\r\n\r\n\r\n",
    "blanks at line ends": HEAD + b"\r\nHello  \t world \t \r\n\t\r\n  \r\nmore\r\n \t \r\n",
    "no line end": HEAD + b"\r\nHello",
    "odd folds": HEAD.replace(b"Subject: Hello there", b"sUBJECT:  Hello\r\n\t  there \r\n  and \t\r\n here  ")
    + b"\r\nx\r\n",
    "eight bits": HEAD.replace(b"Hello there", "Grüße \U0001f600".encode()) + "\r\nJörg\r\n".encode(),
    "latin 1": HEAD.replace(b"Hello there", b"Gr\xfc\xdfe") + b"\r\nJ\xf6rg\r\n",
    "lists": HEAD
    + b"List-Unsubscribe: <https://local.test/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nx\r\n",
    "long line": HEAD + b"\r\n" + b"a b  c\t" * 30_000 + b"\r\n",
    "one megabyte": HEAD + b"\r\n" + b"some  words \tof text \r\n" * 45_000,
}


def lookup(name):
    return ZONE.get(name)


def dkimpy_lookup(name, timeout=5):
    return ZONE.get(name.decode().rstrip("."))


def signed(message, keys=KEYS):
    return dkim.sign(message, keys, AT) + message


def statuses(message, look=lookup, at=None):
    return [result.status.value for result in dkim.verify(message, look, at)]


@pytest.mark.parametrize("name", MESSAGES)
def test_an_independent_verifier_accepts_our_rsa_signature(name):
    message = signed(MESSAGES[name], KEYS[:1])
    assert dkimpy.verify(message, dnsfunc=dkimpy_lookup)


@pytest.mark.parametrize("name", MESSAGES)
def test_both_our_signatures_verify(name):
    assert statuses(signed(MESSAGES[name]), at=AT) == ["pass", "pass"]


@pytest.mark.parametrize("forms", [b"relaxed/relaxed", b"simple/simple", b"relaxed/simple", b"simple/relaxed"])
@pytest.mark.parametrize("name", MESSAGES)
def test_we_accept_an_independent_signers_rsa_signature(name, forms):
    header, body = forms.split(b"/")
    field = dkimpy.sign(
        MESSAGES[name],
        b"r1",
        b"local.test",
        RSA_PEM,
        canonicalize=(header, body),
        include_headers=[b"from", b"subject", b"to"],
    )
    assert statuses(field + MESSAGES[name]) == ["pass"]


def test_every_field_that_could_mislead_is_named_once_more_than_it_stands_there():
    field = dkim.sign(MESSAGES["lists"], KEYS[:1], AT)
    names = b"".join(dkimpy.util.parse_tag_value(field.partition(b":")[2])[b"h"].split()).split(b":")
    for name in dkim.OVERSIGNED:
        stands = canonical.fields(MESSAGES["lists"].partition(b"\r\n\r\n")[0])
        assert names.count(name) == 1 + sum(1 for each, _ in stands if each == name)


def test_a_signature_lives_a_week_and_has_no_length():
    tags = dkimpy.util.parse_tag_value(dkim.sign(MESSAGES["plain"], KEYS[:1], AT).partition(b":")[2])
    assert int(tags[b"x"]) - int(tags[b"t"]) == 7 * 86_400
    assert b"l" not in tags


def test_no_line_of_a_signature_is_longer_than_78():
    assert max(map(len, dkim.sign(MESSAGES["lists"], KEYS, AT).split(b"\r\n"))) <= 78


@pytest.mark.parametrize("added", [b"From: eve@evil.test\r\n", b"Subject: other\r\n", b"Reply-To: eve@evil.test\r\n"])
def test_a_field_added_afterwards_breaks_the_signature(added):
    assert "pass" not in statuses(added + signed(MESSAGES["plain"]))


def test_a_changed_body_fails_and_a_changed_subject_fails():
    message = signed(MESSAGES["plain"])
    assert statuses(message.replace(b"Hello\r\n", b"Hallo\r\n")) == ["fail", "fail"]
    assert statuses(message.replace(b"Hello there", b"Hullo there")) == ["fail", "fail"]


def test_an_expired_signature_fails():
    assert statuses(signed(MESSAGES["plain"]), at=AT + 8 * 86_400) == ["fail", "fail"]
    assert statuses(signed(MESSAGES["plain"]), at=AT - 2 * 86_400) == ["fail", "fail"]


def test_an_unsigned_message_has_no_result():
    assert statuses(MESSAGES["plain"]) == ["none"]


def test_a_lookup_that_fails_is_temporary_and_a_missing_key_is_not():
    def broken(name):
        raise LookupFailed(name)

    assert statuses(signed(MESSAGES["plain"]), broken) == ["temperror", "temperror"]
    assert statuses(signed(MESSAGES["plain"]), lambda name: None) == ["permerror", "permerror"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("v=DKIM1; k=rsa; p=", "revoked"),
        ("v=DKIM2; p=" + RSA_PUBLIC, "version"),
        ("k=rsa; v=DKIM1; p=" + RSA_PUBLIC, "version"),
        ("v=DKIM1; h=sha1; p=" + RSA_PUBLIC, "SHA-256"),
        ("v=DKIM1; s=web; p=" + RSA_PUBLIC, "mail"),
        ("v=DKIM1; k=ed25519; p=" + ED_PUBLIC, "another kind"),
        ("v=DKIM1; p=!!", "no key"),
        ("v=DKIM1; p=AAAA", "cannot be read"),
        ("nonsense", "cannot be read"),
    ],
)
def test_a_bad_key_record_is_a_permanent_error_that_says_why(record, reason):
    (result,) = dkim.verify(signed(MESSAGES["plain"], KEYS[:1]), lambda name: record.encode())
    assert result.status is dkim.Status.PERMERROR
    assert reason in result.reason


def test_a_key_shorter_than_1024_bits_is_refused():
    short = rsa.RSAPublicNumbers(65537, (1 << 767) + 1).public_key()
    octets = short.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; p=" + base64.b64encode(octets)
    (result,) = dkim.verify(signed(MESSAGES["plain"], KEYS[:1]), lambda name: record)
    assert result.status is dkim.Status.PERMERROR
    assert "shorter than 1024" in result.reason


def edited(message, old, new):
    assert old in message
    return message.replace(old, new)


def test_sha1_is_refused():
    message = edited(signed(MESSAGES["plain"], KEYS[:1]), b"a=rsa-sha256", b"a=rsa-sha1")
    (result,) = dkim.verify(message, lookup)
    assert (result.status.value, result.reason) == ("permerror", "The algorithm is not allowed.")


def test_a_signature_without_from_is_refused():
    field = dkimpy.sign(MESSAGES["plain"], b"r1", b"local.test", RSA_PEM, include_headers=[b"from", b"subject"])
    without = field.replace(b"from : ", b"").replace(b" : from", b"")
    assert b"from" not in without
    assert statuses(without + MESSAGES["plain"]) == ["permerror"]


def test_a_length_that_leaves_text_unsigned_is_no_pass():
    field = dkimpy.sign(MESSAGES["plain"], b"r1", b"local.test", RSA_PEM, length=True, include_headers=[b"from"])
    assert statuses(field + MESSAGES["plain"]) == ["pass"]
    assert statuses(field + MESSAGES["plain"] + b"And buy this!\r\n") == ["neutral"]


def test_a_strict_key_refuses_an_identity_below_its_domain():
    field = dkimpy.sign(
        MESSAGES["plain"], b"r1", b"local.test", RSA_PEM, identity=b"@sub.local.test", include_headers=[b"from"]
    )
    strict = (dkim.record(RSA_PUBLIC) + "; t=s").encode()
    assert statuses(field + MESSAGES["plain"]) == ["pass"]
    assert statuses(field + MESSAGES["plain"], lambda name: strict) == ["permerror"]


def test_an_identity_of_another_domain_is_refused():
    message = edited(signed(MESSAGES["plain"], KEYS[:1]), b"d=local.test;", b"d=local.test; i=a@evil.test;")
    assert statuses(message) == ["permerror"]


def test_a_test_key_is_reported_as_such():
    (result,) = dkim.verify(
        signed(MESSAGES["plain"], KEYS[:1]), lambda name: (dkim.record(RSA_PUBLIC) + "; t=y").encode()
    )
    assert result.is_test


def test_only_five_signatures_are_looked_at():
    message = dkim.sign(MESSAGES["plain"], KEYS, AT) * 10 + MESSAGES["plain"]
    assert len(dkim.verify(message, lookup)) == 5


@pytest.mark.parametrize("relaxed", [True, False])
def test_a_body_in_pieces_hashes_like_a_body_in_one_piece(relaxed):
    source = random.Random(7)
    for _ in range(300):
        body = b"".join(source.choice([b" ", b"\t", b"\r\n", b"\r\n", b"a", b"bc", b"\r", b"\n"]) for _ in range(60))
        whole = canonical.BodyHash(relaxed=relaxed)
        whole.update(body)
        pieces = canonical.BodyHash(relaxed=relaxed)
        at = 0
        while at < len(body):
            step = source.randrange(1, 9)
            pieces.update(body[at : at + step])
            at += step
        assert pieces.digest() == whole.digest(), body


def test_big_messages_are_signed_by_their_pieces():
    message = MESSAGES["one megabyte"]
    head, _, body = message.partition(b"\r\n\r\n")
    hashed = canonical.BodyHash()
    for at in range(0, len(body), 10_007):
        hashed.update(body[at : at + 10_007])
    assert dkim.sign_headers(head + b"\r\n", hashed.digest(), KEYS, AT) == dkim.sign(message, KEYS, AT)


def test_a_key_of_another_kind_is_refused():
    with pytest.raises(dkim_key.KeyUnusableError):
        dkim.load_key(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(dkim_key.KeyUnusableError):
        dkim.generate("rsa-sha1")
