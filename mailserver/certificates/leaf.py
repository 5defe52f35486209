"""What a certificate says of itself."""

import base64
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, NameOID


@dataclass(frozen=True, slots=True)
class Leaf:
    """A server's certificate; times are unix milliseconds. `renewal_id` is what RFC 9773 4.1 calls it by."""

    names: tuple[str, ...]
    issuer: str
    not_before_at: int
    not_after_at: int
    public_key: bytes  # SubjectPublicKeyInfo in DER
    is_self_signed: bool
    renewal_id: str | None
    serial: str  # in hexadecimal digits, as `openssl x509 -serial` has it, in lower case

    def has(self, name: str) -> bool:
        """Whether the certificate is for a name, by itself or by a `*` for its first label."""
        return name in self.names or f"*.{name.partition('.')[2]}" in self.names


def read(pem: bytes) -> Leaf:
    """Read the first certificate of a chain; ValueError where there is none that can be read."""
    certificate = x509.load_pem_x509_certificate(pem)
    issuers = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    common = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Leaf(
        names=_names(certificate),
        issuer=", ".join(str(one.value) for one in (*issuers[:1], *common[:1])),
        not_before_at=int(certificate.not_valid_before_utc.timestamp() * 1000),
        not_after_at=int(certificate.not_valid_after_utc.timestamp() * 1000),
        public_key=certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        is_self_signed=certificate.issuer == certificate.subject,
        renewal_id=_renewal_id(certificate),
        serial=serial_text(f"{certificate.serial_number:x}"),
    )


def serial_text(text: str) -> str:
    """A serial number as we write it, whoever has written it."""
    plain = text.replace(":", "").lower().lstrip("0")
    return f"{'0' * (len(plain) % 2)}{plain}"


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in alternatives.get_values_for_type(x509.DNSName))


def _renewal_id(certificate: x509.Certificate) -> str | None:
    """RFC 9773 4.1: the authority's key identifier and the serial number, each in base64url."""
    try:
        authority = certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_KEY_IDENTIFIER).value
    except x509.ExtensionNotFound:
        return None
    assert isinstance(authority, x509.AuthorityKeyIdentifier)
    if authority.key_identifier is None:
        return None
    serial = certificate.serial_number
    octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")  # DER's INTEGER has room for a sign
    return f"{_base64url(authority.key_identifier)}.{_base64url(octets)}"


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
