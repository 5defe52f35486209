"""DKIM keys: private files, public records (RFC 6376 3.6, RFC 8301, RFC 8463)."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils

from mailserver.mail import dkim_tags

RSA = "rsa-sha256"
ED25519 = "ed25519-sha256"
RSA_BITS = 2048
SMALLEST_RSA_BITS = 1024  # RFC 8301 3.2
LARGEST_RSA_BITS = 8192  # a key that takes longer than its message is worth
PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
MAX_RECORD = 8 * 1024  # octets of a published key: five times what the largest key needs
_ED25519_LENGTH = 32
_PADDING = padding.PKCS1v15()
_DIGEST = utils.Prehashed(hashes.SHA256())


class KeyUnusableError(ValueError):
    """A key or its record cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A published key. `verifies` takes a signature and the SHA-256 of what was signed."""

    verifies: Callable[[bytes, bytes], bool]
    is_strict: bool  # t=s: the signing identity must have the very domain
    is_test: bool  # t=y
    bits: int = 256


def load(pem: bytes) -> PrivateKey:
    """Read a private key; KeyUnusableError where it is none of the two kinds."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError("The private key cannot be read.") from error
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise KeyUnusableError("The private key is neither RSA nor Ed25519.")
    return key


def generate(algorithm: str) -> tuple[bytes, str]:
    """Make a key pair: the private key as PEM, the public one in base 64 as its record has it."""
    private: PrivateKey
    if algorithm == RSA:
        private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    elif algorithm == ED25519:
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        raise KeyUnusableError(f"There is no algorithm {algorithm}.")
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, public_text(private)


def public_text(private: PrivateKey) -> str:
    """Write the public half of a key in base 64 as its record has it (RFC 8463 3: an Ed25519 key stands bare)."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        octets = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    else:
        octets = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    return base64.b64encode(octets).decode("ascii")


def record(public: str) -> str:
    """Write the TXT value that publishes a key."""
    kind = "ed25519" if len(base64.b64decode(public)) == _ED25519_LENGTH else "rsa"
    return f"v=DKIM1; k={kind}; p={public}"


def signature(private: PrivateKey, digest: bytes) -> bytes:
    """Sign the SHA-256 of the signed headers (RFC 6376 3.3, RFC 8463 3)."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(digest)
    return private.sign(digest, _PADDING, _DIGEST)


def read(text: bytes, algorithm: str) -> PublicKey:
    """Read a TXT value for use with an algorithm; KeyUnusableError says what is wrong with it (RFC 6376 3.6.1)."""
    if len(text) > MAX_RECORD:
        raise KeyUnusableError("The key record is longer than 8 KB.")
    tags = dkim_tags.parse(text)
    if tags is None:
        raise KeyUnusableError("The key record cannot be read.")
    if tags.get(b"v", b"DKIM1") != b"DKIM1" or (b"v" in tags and next(iter(tags)) != b"v"):
        raise KeyUnusableError("The key record has another version.")
    if b"sha256" not in _list(tags.get(b"h", b"sha256")):
        raise KeyUnusableError("The key does not allow SHA-256.")
    if not {b"*", b"email"} & _list(tags.get(b"s", b"*")):
        raise KeyUnusableError("The key is not for mail.")
    kind = tags.get(b"k", b"rsa")
    if kind.decode("ascii", "replace") + "-sha256" != algorithm:
        raise KeyUnusableError("The key is of another kind than the signature.")
    octets = dkim_tags.base64_value(tags.get(b"p"))
    if octets is None:
        raise KeyUnusableError("The key record has no key.")
    if not octets:
        raise KeyUnusableError("The key is revoked.")
    flags = _list(tags.get(b"t", b""))
    verifies, bits = (_ed25519(octets), 256) if kind == b"ed25519" else _rsa(octets)
    return PublicKey(verifies, b"s" in flags, b"y" in flags, bits)


def choose(records: Sequence[bytes]) -> bytes | None:
    """The record to read where a name has several: the first that calls itself a key (RFC 6376 3.6.2.2)."""
    for text in records:
        if text.lstrip()[:16].replace(b" ", b"").startswith(b"v=DKIM1"):
            return text
    return records[0] if records else None


def _list(value: bytes) -> set[bytes]:
    return {each.strip() for each in value.split(b":")}


def _rsa(octets: bytes) -> tuple[Callable[[bytes, bytes], bool], int]:
    try:
        key = serialization.load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError("The RSA key cannot be read.") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyUnusableError("The key is no RSA key.")
    if key.key_size < SMALLEST_RSA_BITS:
        raise KeyUnusableError("The RSA key is shorter than 1024 bits.")
    if key.key_size > LARGEST_RSA_BITS:
        raise KeyUnusableError("The RSA key is longer than 8192 bits.")

    def verifies(given: bytes, digest: bytes) -> bool:
        try:
            key.verify(given, digest, _PADDING, _DIGEST)
        except InvalidSignature:
            return False
        return True

    return verifies, key.key_size


def _ed25519(octets: bytes) -> Callable[[bytes, bytes], bool]:
    if len(octets) != _ED25519_LENGTH:
        raise KeyUnusableError("The Ed25519 key has not 32 octets.")
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(octets)
    except ValueError as error:
        raise KeyUnusableError("The Ed25519 key cannot be read.") from error

    def verifies(given: bytes, digest: bytes) -> bool:
        try:
            key.verify(given, digest)
        except InvalidSignature:
            return False
        return True

    return verifies
