"""What listeners show: one context for mail, and one for HTTPS that has a certificate for each name."""

import ssl
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from mailserver.certificates import keys, leaf, self_signed
from mailserver.certificates.acme.tls_alpn import Challenges
from mailserver.certificates.leaf import Leaf
from mailserver.certificates.pairs import Pair, Pairs


class CertificateProblem(Exception):
    """The certificate or its key cannot be used; the sentence says why."""


class Source(StrEnum):
    """Who signed a certificate."""

    OPERATOR = "operator"  # the files that tls.certificate and tls.key name
    ACME = "acme"
    SELF = "self-signed"


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate that is served, and under which name it is kept."""

    name: str
    source: Source
    leaf: Leaf
    chain: Path
    key: Path


class Certificates:
    """The certificates of every listener. `load` may be called again: new connections get the new ones.

    The host's own is the operator's where there is one, else the authority's, else one that the server signs itself.
    """

    def __init__(
        self, certificate: Path | None, key: Path | None, directory: Path, hostname: str, pairs: Pairs
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._self_signed = (directory / "self-signed.pem", directory / "self-signed.key")
        self._hostname = hostname
        self._pairs = pairs
        self._others: list[tuple[Leaf, ssl.SSLContext]] = []
        self._shown: tuple[Shown, ...] = ()
        self.challenges = Challenges()
        self.context = _context()
        self.https = _context()
        self.https.sni_callback = self._choose
        self.challenges.watch(self.https)
        self.der: bytes | None = None
        self.next_key: bytes | None = None  # public, in DER: of the host's next certificate
        self.authorities: tuple[str, ...] = ()  # as CAA records name them
        self._loading = threading.Lock()

    @property
    def shown(self) -> tuple[Shown, ...]:
        """What is served, the host's own first."""
        return self._shown

    def load(self) -> None:
        """Read the files; CertificateProblem where they cannot be used, and what was loaded before stays. Blocks."""
        with self._loading:
            self._load()

    def look(self) -> None:
        """Read the files where there are any, for whoever does not serve: nothing is made. Blocks."""
        certificate, key = self._self_signed
        if self._certificate or self._pairs.newest(self._hostname) or (certificate.exists() and key.exists()):
            self.load()

    def _load(self) -> None:
        host = self._host()
        try:
            pem = host.chain.read_bytes()
            _take(_context(), host.chain, host.key)  # before anything that listens is touched
            _take(self.context, host.chain, host.key)
            _take(self.https, host.chain, host.key)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise CertificateProblem(
                f"The certificate {host.chain} with the key {host.key} cannot be used: {error}."
            ) from error
        self.der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
        others = list(self._loaded())
        self._others = [(one.leaf, context) for one, context in others]
        self._shown = (host, *(one for one, _ in others))
        self.read_next_key()

    def operator_names(self) -> Leaf | None:
        """The operator's own certificate as it is loaded; None where there is none."""
        return next((one.leaf for one in self._shown if one.source is Source.OPERATOR), None)

    def self_signed_key(self) -> bytes | None:
        """The key that the server has made itself, in PEM; None where it has not. Blocks."""
        _, path = self._self_signed
        return path.read_bytes() if path.exists() else None

    def drop_self_signed(self, public_keys: Collection[str]) -> None:
        """Take what the server has signed itself away, where it has one of these keys (in hexadecimal digits). Blocks.

        The key goes first: a certificate without one is made anew, with another key.
        """
        certificate, path = self._self_signed
        if path.exists() and keys.public(path.read_bytes()).hex() in public_keys:
            path.unlink()
            certificate.unlink(missing_ok=True)
            keys.sync(path.parent)

    def read_next_key(self) -> None:
        """Know the key that the host's certificate has next, for DNS records. Blocks."""
        try:
            public = self._pairs.next_public_key(self._hostname)
        except ValueError:  # damaged; whoever is to use it says so
            public = None
        self.next_key = None if self._certificate is not None else public

    def sign(self, content: bytes) -> bytes | None:
        """Content in an envelope that shows who made it (RFC 5652); None without a certificate that others know.

        Blocks.
        """
        host = next((one for one in self._shown if one.source is not Source.SELF), None)
        if host is None or host.leaf.is_self_signed:
            return None
        key = serialization.load_pem_private_key(host.key.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            return None
        first, *rest = x509.load_pem_x509_certificates(host.chain.read_bytes())
        builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(first, key, hashes.SHA256())
        for certificate in rest:
            builder = builder.add_certificate(certificate)
        return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])

    def _host(self) -> Shown:
        if self._certificate is not None:
            key = self._key or self._certificate
            return _shown(self._hostname, Source.OPERATOR, self._certificate, key)
        pair = self._pairs.newest(self._hostname)
        if pair is not None:
            return Shown(self._hostname, Source.ACME, pair.leaf, pair.chain, pair.key)
        certificate, key = self._self_signed
        if not (certificate.exists() and key.exists()):
            self_signed.make(certificate, key, self._hostname)
        return _shown(self._hostname, Source.SELF, certificate, key)

    def _loaded(self) -> Iterator[tuple[Shown, ssl.SSLContext]]:
        """The certificates of other names that can be used; one that cannot be is left out."""
        for name in self._pairs.names():
            pair: Pair | None = None if name == self._hostname else self._pairs.newest(name)
            if pair is None or pair.leaf.not_after_at < time.time() * 1000:
                continue
            context = _context()
            try:
                _take(context, pair.chain, pair.key)
            except (OSError, ssl.SSLError):
                continue
            yield Shown(name, Source.ACME, pair.leaf, pair.chain, pair.key), context

    def _choose(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        """Show the certificate that names what the client asked for; the host's own where none does."""
        asked = (name or "").rstrip(".").lower()
        challenge = self.challenges.asked_for(connection, asked)
        if challenge is not None:
            connection.context = challenge
            return
        if self._shown and self._shown[0].leaf.has(asked):
            return
        for found, context in self._others:
            if found.has(asked):
                connection.context = context
                return


def _shown(name: str, source: Source, certificate: Path, key: Path) -> Shown:
    try:
        return Shown(name, source, leaf.read(certificate.read_bytes()), certificate, key)
    except FileNotFoundError as error:
        raise CertificateProblem(
            f"The certificate {certificate} does not exist. "
            "Check tls.certificate and tls.key, or leave both out for a self-signed one."
        ) from error
    except (OSError, ValueError) as error:
        raise CertificateProblem(
            f"The certificate {certificate} with the key {key} cannot be used: {error}."
        ) from error


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _take(context: ssl.SSLContext, chain: Path, key: Path) -> None:
    context.load_cert_chain(chain, key)
