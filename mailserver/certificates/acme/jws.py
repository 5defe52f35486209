"""Signed requests (RFC 8555 6.2, RFC 7515), the account's key as others know it, and how accounts are bound."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

COORDINATE_BYTES = 32


def base64url(octets: bytes) -> str:
    """Base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def unbase64url(text: str) -> bytes:
    """Read base64url, with padding or without; ValueError where it is none."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def public(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """The public half as a JWK (RFC 7518 6.2.1), its members in the order that a thumbprint wants."""
    numbers = key.public_key().public_numbers()
    x, y = (base64url(number.to_bytes(COORDINATE_BYTES, "big")) for number in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def thumbprint(key: ec.EllipticCurvePrivateKey) -> str:
    """RFC 7638: what the account's key is known by in challenges."""
    return base64url(hashlib.sha256(_compact(public(key))).digest())


def signed(key: ec.EllipticCurvePrivateKey, header: Mapping[str, Any], payload: Any) -> bytes:
    """A request by ES256; the payload None is that of POST-as-GET (RFC 8555 6.3)."""
    protected = base64url(_compact({"alg": "ES256", **header}))
    body = "" if payload is None else base64url(_compact(payload))
    r, s = decode_dss_signature(key.sign(f"{protected}.{body}".encode("ascii"), ec.ECDSA(hashes.SHA256())))
    signature = base64url(r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big"))
    return _compact({"protected": protected, "payload": body, "signature": signature})


def bound(key: ec.EllipticCurvePrivateKey, key_id: str, secret: bytes, url: str) -> dict[str, str]:
    """RFC 8555 7.3.4: the account's key, signed by the secret that the authority has given out."""
    protected = base64url(_compact({"alg": "HS256", "kid": key_id, "url": url}))
    payload = base64url(_compact(public(key)))
    signature = hmac.digest(secret, f"{protected}.{payload}".encode("ascii"), "sha256")
    return {"protected": protected, "payload": payload, "signature": base64url(signature)}


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
