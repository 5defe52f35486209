"""DANE: whether a server's certificates are those that its TLSA records name (RFC 6698, RFC 7671, RFC 7672)."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import verification
from cryptography.x509.verification import Criticality, ExtensionPolicy

from mailserver.mail.resolver import Tlsa

TRUST_ANCHOR, END_ENTITY = 2, 3  # usages; RFC 7672 3.1.3: 0 and 1 are of no use to SMTP
MOST_RECORDS = 20
MOST_CERTIFICATES = 12  # of one chain
DEEPEST_CHAIN = 8
MOST_ANCHORS = 3  # that are tried: each costs a hostile chain's 10 ms before `cryptography` gives it up
_DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}
_LENGTHS = {1: 32, 2: 64}


class Flaw(StrEnum):
    """Why a chain does not pass."""

    NO_MATCH = "no-match"
    EXPIRED = "expired"
    NAME = "name"
    CHAIN = "chain"


class Mismatch(Exception):
    """The chain is not what the records name; `text` is a sentence's second half that says why."""

    def __init__(self, flaw: Flaw, text: str) -> None:
        self.flaw = flaw
        self.text = text
        super().__init__(text)


def usable(records: Sequence[Tlsa]) -> tuple[Tlsa, ...]:
    """The records that say something about an SMTP server's certificate (RFC 7672 3.1), in no more than a few."""
    return tuple(record for record in records if _is_usable(record))[:MOST_RECORDS]


def text(record: Tlsa) -> str:
    """A record as a zone file and a report have it (RFC 6698 2.2)."""
    return f"{record.usage} {record.selector} {record.matching} {record.data.hex().upper()}"


def of_certificate(der: bytes) -> Tlsa:
    """The record to publish for a certificate of ours: it stays right while the key does (RFC 7671 5.1)."""
    association = _association(x509.load_der_x509_certificate(der), 1, 1)
    assert association is not None
    return Tlsa(END_ENTITY, 1, 1, association)


def of_key(public_key: bytes) -> Tlsa:
    """The record to publish for a key, by its SubjectPublicKeyInfo."""
    return Tlsa(END_ENTITY, 1, 1, hashlib.sha256(public_key).digest())


def verify(records: Sequence[Tlsa], chain: Sequence[bytes], names: Sequence[str], at: dt.datetime | None = None) -> str:
    """Hold a chain, the server's certificate first, against usable records; the text of the one that matched.

    Mismatch where none does. `names` are those that a certificate below a trust anchor may have.
    """
    certificates = [_load(der) for der in chain[:MOST_CERTIFICATES]]
    leaf = certificates[0] if certificates else None
    if leaf is None:
        raise Mismatch(Flaw.NO_MATCH, "shows no certificate that can be read")
    for record in records:
        # RFC 7672 3.1.1: neither its names nor its dates matter, DNSSEC vouches for the key itself.
        if record.usage == END_ENTITY and _association(leaf, record.selector, record.matching) == record.data:
            return text(record)
    trouble: Mismatch | None = None
    others = [certificate for certificate in certificates[1:] if certificate is not None]
    tried: list[x509.Certificate] = []
    for record in records:
        for anchor in _anchors(record, [leaf, *others]) if record.usage == TRUST_ANCHOR else ():
            if anchor in tried or len(tried) >= MOST_ANCHORS:
                continue
            tried.append(anchor)
            trouble = _below(anchor, leaf, others, names, at)
            if trouble is None:
                return text(record)
    raise trouble or Mismatch(Flaw.NO_MATCH, "shows a certificate that none of its TLSA records names")


def _is_usable(record: Tlsa) -> bool:
    if record.usage not in (TRUST_ANCHOR, END_ENTITY) or record.selector not in (0, 1):
        return False
    if record.matching == 0:
        return bool(record.data)
    return len(record.data) == _LENGTHS.get(record.matching, -1)


def _association(certificate: x509.Certificate, selector: int, matching: int) -> bytes | None:
    """What a record has to hold to name this certificate; None where its key is of a kind that nobody knows."""
    try:
        whole = (
            certificate.public_bytes(Encoding.DER)
            if selector == 0
            else certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
    except (ValueError, UnsupportedAlgorithm):
        return None
    return _DIGESTS[matching](whole).digest() if matching else whole


def _anchors(record: Tlsa, certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The certificates that a record makes trust anchors: of the chain, or the whole one in the record itself."""
    found = [one for one in certificates if _association(one, record.selector, record.matching) == record.data]
    if not found and record.selector == 0 and record.matching == 0:  # RFC 7672 3.1.2
        whole = _load(record.data)
        found = [] if whole is None else [whole]
    return found


def _below(
    anchor: x509.Certificate,
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    names: Sequence[str],
    at: dt.datetime | None,
) -> Mismatch | None:
    """What keeps the server's certificate from being one of the anchor's, for one of the names; None where nothing."""
    now = at or dt.datetime.now(dt.UTC)
    if leaf.not_valid_after_utc < now:
        return _expired(leaf)
    name = next((one for one in names if _has_name(leaf, one)), None)
    if name is None:
        return Mismatch(Flaw.NAME, f"has a certificate that does not name {' or '.join(names)}")
    builder = (
        verification.PolicyBuilder()
        .store(verification.Store([anchor]))
        .time(now)
        .max_chain_depth(DEEPEST_CHAIN)
        .extension_policies(ee_policy=_EE, ca_policy=_CA)
    )
    try:
        builder.build_server_verifier(x509.DNSName(name)).verify(leaf, list(others))
    except (verification.VerificationError, ValueError) as error:  # the latter: a name that no certificate can have
        why = str(error).partition(" (encountered")[0]
    else:
        return None
    late = next((one for one in others if one.not_valid_after_utc < now), None)
    return (
        _expired(late)
        if late
        else Mismatch(Flaw.CHAIN, f"has a certificate that its trust anchor does not vouch for ({why})")
    )


def _expired(certificate: x509.Certificate) -> Mismatch:
    return Mismatch(Flaw.EXPIRED, f"has a certificate that expired on {certificate.not_valid_after_utc:%Y-%m-%d}")


def _has_name(leaf: x509.Certificate, name: str) -> bool:
    """RFC 7672 3.2.3: one of its DNS names is this one, or has `*` for its first label."""
    try:
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = {one.lower() for one in alternatives.get_values_for_type(x509.DNSName)}
    except (x509.ExtensionNotFound, ValueError):
        return False
    return name in found or f"*.{name.partition('.')[2]}" in found


def _load(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None


def _is_authority(
    _policy: verification.Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints | None
) -> None:
    if constraints is None or not constraints.ca:
        raise ValueError("a certificate of the chain is not an authority's")


def _may_sign(_policy: verification.Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("a certificate of the chain may sign no others")


# Private authorities leave out much of what the Web demands of public ones (RFC 7671 has no such demands).
_EE = ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
_CA = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
)
