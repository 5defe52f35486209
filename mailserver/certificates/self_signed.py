"""The certificate that the server signs itself, until somebody else does."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from mailserver.certificates import keys

DAYS = 3650


def make(certificate: Path, key: Path, hostname: str) -> None:
    """Make what is missing of a pair; a key that is there stays, for what TLSA records say of it. Blocks."""
    if not key.exists():
        keys.replace(key, keys.make())
    private = keys.read(key.read_bytes())
    public = private.public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)  # RFC 5280 4.2.1.1
        .sign(private, hashes.SHA256())
    )
    keys.replace(certificate, made.public_bytes(serialization.Encoding.PEM))
