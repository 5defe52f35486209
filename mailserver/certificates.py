"""The server's certificate: the operator's, or one that it signs itself; reloaded in place."""

import datetime as dt
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SELF_SIGNED_DAYS = 3650


class CertificateProblem(Exception):
    """The certificate or its key cannot be used; the sentence says why."""


class Certificate:
    """One TLS context for every listener. `load` may be called again: new connections get the new certificate."""

    def __init__(self, certificate: Path | None, key: Path | None, directory: Path, hostname: str) -> None:
        self._certificate = certificate or directory / "self-signed.pem"
        self._key = key or (certificate or directory / "self-signed.key")
        self._is_ours = certificate is None
        self._hostname = hostname
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.der: bytes | None = None

    def load(self) -> None:
        """Read the files; CertificateProblem where they cannot be used, and what was loaded before stays. Blocks."""
        if self._is_ours and not (self._certificate.exists() and self._key.exists()):
            self._make()
        try:
            self.context.load_cert_chain(self._certificate, self._key)
            self.der = ssl.PEM_cert_to_DER_cert(_first(self._certificate.read_text(encoding="ascii")))
        except FileNotFoundError as error:
            raise CertificateProblem(
                f"The certificate {self._certificate} or its key {self._key} does not exist. "
                "Check tls.certificate and tls.key, or leave both out for a self-signed one."
            ) from error
        except (OSError, ssl.SSLError, ValueError) as error:
            raise CertificateProblem(
                f"The certificate {self._certificate} with the key {self._key} cannot be used: {error}."
            ) from error

    def _make(self) -> None:
        self._certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._hostname[:64])])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=SELF_SIGNED_DAYS))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(self._hostname)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(self._key, private)
        _write(self._certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _first(pem: str) -> str:
    """The first certificate of a chain."""
    head, mark, _ = pem.partition("-----END CERTIFICATE-----")
    return head[head.find("-----BEGIN CERTIFICATE-----") :] + mark + "\n"


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
