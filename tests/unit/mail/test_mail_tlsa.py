import datetime as dt
import hashlib
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from mailserver.mail import tlsa
from mailserver.mail.resolver import Tlsa
from mailserver.mail.tlsa import Flaw, Mismatch
from tests.support.certificates import Authority

NAMES = ("mx.good.test", "good.test")


def record(made, usage, selector, matching):
    data = made.der
    if selector:
        data = made.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = {0: lambda whole: whole, 1: lambda whole: hashlib.sha256(whole).digest()}
    return Tlsa(usage, selector, matching, digest.get(matching, lambda whole: hashlib.sha512(whole).digest())(data))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def between(authority, tmp_path_factory):
    """An authority that the first one vouches for."""
    return Authority(authority.directory, "Between", authority)


def flaw(records, chain, names=NAMES, at=None):
    with pytest.raises(Mismatch) as caught:
        tlsa.verify(records, chain, names, at)
    return caught.value.flaw


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_every_selector_and_matching_names_the_server_or_its_anchor(authority, selector, matching):
    leaf = authority.leaf("mx.good.test")
    chain = [leaf.der, authority.made.der]
    for one in (record(leaf, 3, selector, matching), record(authority.made, 2, selector, matching)):
        assert tlsa.usable([one]) == (one,)
        assert tlsa.verify([one], chain, NAMES) == tlsa.text(one)


def test_names_and_dates_mean_nothing_where_the_certificate_itself_is_named(authority):
    leaf = authority.leaf("elsewhere.test", days=-100)
    tlsa.verify([record(leaf, 3, 1, 1)], [leaf.der], NAMES)
    tlsa.verify([record(leaf, 3, 0, 2)], [leaf.der], ())


def test_only_the_servers_own_certificate_is_an_end_entity(authority):
    leaf = authority.leaf("mx.good.test")
    assert flaw([record(authority.made, 3, 1, 1)], [leaf.der, authority.made.der]) is Flaw.NO_MATCH


def test_one_matching_record_is_enough(authority):
    leaf = authority.leaf("mx.good.test")
    others = [Tlsa(3, 1, 1, bytes(32)), Tlsa(2, 0, 1, bytes(32)), record(leaf, 3, 1, 2)]
    assert tlsa.verify(others, [leaf.der], NAMES) == tlsa.text(others[2])


@pytest.mark.parametrize(
    ("names", "is_right"),
    [
        (("mx.good.test",), True), (("good.test",), True), (("*.good.test",), True), (("*.test",), True),
        (("other.test",), False), (("x.mx.good.test",), False), ((), False),
    ],
)  # fmt: skip
def test_below_a_trust_anchor_the_host_or_the_domain_is_named(authority, names, is_right):
    leaf = authority.leaf("whatever", names=names)
    chain = [leaf.der, authority.made.der]
    anchor = [record(authority.made, 2, 0, 1)]
    if is_right:
        tlsa.verify(anchor, chain, NAMES)
    else:
        assert flaw(anchor, chain) is Flaw.NAME


def test_below_a_trust_anchor_dates_count(authority):
    leaf = authority.leaf("mx.good.test", days=-1)
    chain = [leaf.der, authority.made.der]
    assert flaw([record(authority.made, 2, 1, 1)], chain) is Flaw.EXPIRED
    with pytest.raises(Mismatch, match=r"expired on \d{4}-\d\d-\d\d"):
        tlsa.verify([record(authority.made, 2, 1, 1)], chain, NAMES)
    tlsa.verify([record(authority.made, 2, 1, 1)], chain, NAMES, dt.datetime.now(dt.UTC) - dt.timedelta(days=2))


def test_an_authority_in_the_middle_may_be_the_anchor(authority, between):
    leaf = between.leaf("mx.good.test")
    chain = [leaf.der, between.made.der]
    assert [one.der for one in leaf.chain] == [between.made.der]
    tlsa.verify([record(between.made, 2, 1, 1)], chain, NAMES)
    tlsa.verify([record(authority.made, 2, 1, 1)], [*chain, authority.made.der], NAMES)
    tlsa.verify([record(authority.made, 2, 0, 0)], chain, NAMES)  # the whole anchor is in the record
    assert flaw([record(authority.made, 2, 1, 1)], chain) is Flaw.NO_MATCH  # the chain lacks it


def test_a_certificate_that_the_anchor_did_not_sign_does_not_pass(authority, tmp_path):
    other = Authority(tmp_path)  # of the same name, with another key
    leaf = other.leaf("mx.good.test")
    assert flaw([record(authority.made, 2, 1, 1)], [leaf.der, authority.made.der]) is Flaw.CHAIN


def test_who_is_no_authority_vouches_for_nobody(authority, tmp_path):
    false = Authority(tmp_path, "No authority", authority, is_authority=False)
    leaf = false.leaf("mx.good.test")
    chain = [leaf.der, false.made.der, authority.made.der]
    assert flaw([record(authority.made, 2, 1, 1)], chain) is Flaw.CHAIN


@pytest.mark.parametrize(
    "record_",
    [
        Tlsa(0, 1, 1, bytes(32)), Tlsa(1, 1, 1, bytes(32)), Tlsa(4, 1, 1, bytes(32)), Tlsa(255, 0, 0, b"x"),
        Tlsa(3, 2, 1, bytes(32)), Tlsa(3, 1, 3, bytes(32)), Tlsa(3, 1, 1, bytes(31)), Tlsa(3, 1, 2, bytes(32)),
        Tlsa(3, 1, 0, b""),
    ],
)  # fmt: skip
def test_records_that_say_nothing_to_smtp_are_unusable(record_):
    assert tlsa.usable([record_]) == ()


@pytest.mark.parametrize("chain", [[], [b"nonsense"], [b"nonsense", b"\x30\x82"]])
def test_a_chain_that_cannot_be_read_does_not_pass(chain):
    assert flaw([Tlsa(3, 1, 1, bytes(32))], chain) is Flaw.NO_MATCH


def test_an_anchor_in_a_record_that_cannot_be_read_does_not_pass(authority):
    leaf = authority.leaf("mx.good.test")
    assert flaw([Tlsa(2, 0, 0, b"nonsense")], [leaf.der]) is Flaw.NO_MATCH


def test_the_record_of_our_own_certificate_matches_it(authority):
    leaf = authority.leaf("mail.local.test")
    ours = tlsa.of_certificate(leaf.der)
    assert (ours.usage, ours.selector, ours.matching) == (3, 1, 1)
    tlsa.verify([ours], [leaf.der], ())
    assert tlsa.text(ours).startswith("3 1 1 ")


def test_a_chain_that_was_made_to_cost_time_costs_little(authority, tmp_path):
    """Ten authorities of one name and key, none of which the anchor signed: every one may have signed every other."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hydra")])
    now = dt.datetime.now(dt.UTC)

    def head(ca):
        builder = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )  # fmt: skip
        names = x509.SubjectAlternativeName([x509.DNSName("mx.good.test")])
        more = x509.BasicConstraints(ca=True, path_length=None) if ca else names
        return builder.add_extension(more, critical=False).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

    anchors = [Authority(tmp_path, f"{number}").made for number in range(4)]
    chain = [head(False), *(head(True) for _ in range(7)), *(one.der for one in anchors)]
    records = [record(one, 2, selector, 1) for one in anchors for selector in (0, 1)]
    started_at = time.process_time()
    assert flaw(records, chain) is Flaw.CHAIN
    assert time.process_time() - started_at < 1  # of our own: others may want the processor
