"""Prove a name by the certificate that an HTTPS listener shows to the authority alone (RFC 8737)."""

import asyncio
import datetime as dt
import hashlib
import ssl
import tempfile
import weakref
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from mailserver.certificates import keys

PROTOCOL = "acme-tls/1"
IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")  # RFC 8737 6.1
LIFETIME = dt.timedelta(days=1)
CLIENT_HELLO = 1  # RFC 8446 4
# RFC 8737 3: the client offers this protocol and no other, so its extension is always these octets: the type, the
# length of what follows, that of the list, and the one name.
OFFER = b"\x00\x10\x00\x0d\x00\x0b\x0a" + PROTOCOL.encode()


class Challenges:
    """The contexts to show instead, by name. Everybody but the authority goes on to see the usual certificate."""

    def __init__(self) -> None:
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._asking: weakref.WeakSet[ssl.SSLObject] = weakref.WeakSet()

    def watch(self, context: ssl.SSLContext) -> None:
        """Read the offers of whoever connects: the callback for names comes too early to be told of them."""
        context._msg_callback = self._read  # type: ignore[attr-defined]  # noqa: SLF001  there is no public way

    def asked_for(self, connection: ssl.SSLObject, name: str) -> ssl.SSLContext | None:
        """What to show on a connection; None where it is nothing but the usual."""
        return self._contexts.get(name) if connection in self._asking else None

    def _read(
        self, connection: ssl.SSLObject, direction: str, _version: Any, _content: Any, kind: Any, octets: bytes
    ) -> None:
        if self._contexts and direction == "read" and kind == CLIENT_HELLO and OFFER in octets:
            self._asking.add(connection)

    def put(self, name: str, context: ssl.SSLContext) -> None:
        """Show a context for a name from now on."""
        self._contexts[name] = context

    def drop(self, name: str) -> None:
        """Show what is usual again."""
        self._contexts.pop(name, None)


class TlsAlpn:
    """Solves tls-alpn-01."""

    type = "tls-alpn-01"

    def __init__(self, challenges: Challenges) -> None:
        self._challenges = challenges

    async def present(self, name: str, token: str, key_authorization: str) -> None:
        """Have the listener show the proof."""
        del token
        self._challenges.put(name, await asyncio.to_thread(_context, name, key_authorization))

    async def cleanup(self, name: str, token: str, key_authorization: str) -> None:
        """Take the proof away."""
        del token, key_authorization
        self._challenges.drop(name)


def _context(name: str, key_authorization: str) -> ssl.SSLContext:
    """RFC 8737 3: a self-signed certificate for the name, whose extension has the hash of the key authorization."""
    key = keys.read(keys.make())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = dt.datetime.now(dt.UTC)
    digest = hashlib.sha256(key_authorization.encode("ascii")).digest()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFETIME)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.UnrecognizedExtension(IDENTIFIER, b"\x04\x20" + digest), critical=True)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([PROTOCOL])
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "pair.pem"
        keys.put(path, keys.write(key) + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(path)
    return context
