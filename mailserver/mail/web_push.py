"""Messages to push services, which cannot read them (RFC 8291, RFC 8188)."""

import base64
import binascii
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_BYTES = 4096  # RFC 8291 4: one record, which push services take
LONGEST = RECORD_BYTES - 16 - 1 - 86  # of a message: less the tag, the delimiter and the header
POINT_BYTES = 65
SECRET_BYTES = 16
_CURVE = ec.SECP256R1()


class BadKey(ValueError):
    """The keys of a subscription cannot be used."""


def read_point(text: str) -> bytes:
    """The public key of a client, as the point that it is; BadKey for one that is not on the curve."""
    point = _octets(text)
    if len(point) != POINT_BYTES:
        raise BadKey("p256dh is an uncompressed point of P-256 in base64url.")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError as error:
        raise BadKey("p256dh is no point of P-256.") from error
    return point


def read_secret(text: str) -> bytes:
    """The authentication secret of a client."""
    secret = _octets(text)
    if len(secret) != SECRET_BYTES:
        raise BadKey("auth has 16 octets in base64url.")
    return secret


def encrypt(
    message: bytes,
    point: bytes,
    secret: bytes,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Encrypt a message to a client, as a body whose coding is aes128gcm. Key and salt are new for each message."""
    if len(message) > LONGEST:
        raise ValueError(f"A message has at most {LONGEST} octets.")
    key, salt = key or ec.generate_private_key(_CURVE), salt or os.urandom(16)
    client = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    ours = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = key.exchange(ec.ECDH(), client)
    material = _derived(shared, secret, b"WebPush: info\0" + point + ours, 32)  # RFC 8291 3.4
    content_key = _derived(material, salt, b"Content-Encoding: aes128gcm\0", 16)  # RFC 8188 2.2
    nonce = _derived(material, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + AESGCM(content_key).encrypt(nonce, message + b"\2", None)


def _derived(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(material)


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKey("The keys are base64url.") from error
