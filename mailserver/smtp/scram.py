"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS on the server's side (RFC 5802, RFC 7677, RFC 5929)."""

import re
from dataclasses import dataclass

import scramp
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mailserver.entities.inbox import ScramKeys

PLAIN = "SCRAM-SHA-256"
PLUS = "SCRAM-SHA-256-PLUS"
_HEADER = re.compile(r"(n|y|p=([A-Za-z0-9.-]{1,64})),(?:a=([^,]{1,1020}))?,(.*)", re.DOTALL)
_ESCAPED = re.compile(r"=(2C|3D)")
_WEAK_HASHES = ("md5", "sha1")
# Only read for the user's name; the answer is thrown away.
_ANY_KEYS = (bytes(16), bytes(32), bytes(32), 4_096)


class ScramMalformed(ValueError):
    """The client's message cannot be read."""


class ScramFailed(Exception):
    """The client's message can be read and is wrong."""


@dataclass(frozen=True, slots=True)
class Bindings:
    """What ties a login to its TLS connection: channel binding type to its data."""

    tls_unique: bytes | None = None
    end_point: bytes | None = None

    def __bool__(self) -> bool:
        return bool(self.tls_unique or self.end_point)

    def find(self, name: str) -> bytes | None:
        """Return the data of a channel binding type that we have."""
        return {"tls-unique": self.tls_unique, "tls-server-end-point": self.end_point}.get(name)


class _HeaderWithName:
    """A GS2 header with an authorisation name, which scramp leaves out of what the proof covers."""

    def __init__(self, header: str) -> None:
        self._header = header.encode()

    def make_cbind_input(self, binding: scramp.core.ChannelBinding | None) -> bytes:
        """Return what `c=` must say (RFC 5802 5.1)."""
        return self._header + (bytes(binding.data) if binding and self._header.startswith(b"p=") else b"")


class Exchange:
    """One exchange: `first` message, the keys of `name`, `challenge`, `final` message."""

    def __init__(self, mechanism: str, bindings: Bindings, first: str) -> None:
        found = _HEADER.fullmatch(first)
        if not found:
            raise ScramMalformed(first)
        flag, binding, authzid, bare = found.groups()
        if (flag[0] == "p") != (mechanism == PLUS):
            raise ScramFailed("The mechanism and the channel binding flag disagree.")
        if flag == "y" and bindings:  # RFC 5802 6: somebody took our -PLUS out of the list
            raise ScramFailed("The client was told that there is no channel binding.")
        self._mechanism = scramp.ScramMechanism(mechanism)
        self._binding: tuple[str, bytes] | None = None
        if binding:
            bound = bindings.find(binding)
            if not bound:
                raise ScramFailed("The channel binding type is not available.")
            self._binding = (binding, bound)
        self._first = f"{flag},,{bare}"
        self._header = _HeaderWithName(f"{flag},{f'a={authzid}' if authzid else ''},")
        self.name = self._read_name()
        if authzid and _unescaped(authzid) != self.name:
            raise ScramFailed("Logins act for themselves only.")
        self._server: scramp.core.ScramServer | None = None

    def challenge(self, keys: ScramKeys) -> str:
        """Return the server's first message."""
        found = (keys.salt, keys.stored_key, keys.server_key, keys.iterations)
        self._server = self._mechanism.make_server(lambda _name: found, channel_binding=self._binding)
        self._server.set_client_first(self._first)
        self._server.gs2_header = self._header
        return str(self._server.get_server_first())

    def final(self, message: str) -> str:
        """Check the client's proof and return the server's; ScramFailed where it is wrong."""
        assert self._server is not None
        try:
            self._server.set_client_final(message)
            return str(self._server.get_server_final())
        except (scramp.ScramException, KeyError, ValueError) as error:
            raise ScramFailed("The proof is wrong.") from error

    def _read_name(self) -> str:
        names: list[str] = []

        def remember(name: str) -> tuple[bytes, bytes, bytes, int]:
            names.append(str(name))
            return _ANY_KEYS

        try:
            probe = self._mechanism.make_server(remember, channel_binding=self._binding)
            probe.set_client_first(self._first)
        except (scramp.ScramException, KeyError, ValueError) as error:
            raise ScramMalformed(self._first) from error
        return names[0]


def end_point(certificate: bytes) -> bytes | None:
    """Hash a certificate for `tls-server-end-point` (RFC 5929 4.1); None where its signature names no hash."""
    used = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    if used is None:
        return None
    algorithm = hashes.SHA256() if used.name in _WEAK_HASHES else used
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return digest.finalize()


def _unescaped(name: str) -> str:
    return _ESCAPED.sub(lambda found: "," if found[1] == "2C" else "=", name)
