"""Signed webhooks by the Standard Webhooks specification, which is Svix's scheme under neutral names."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32
LEAST_BYTES = 24  # what the specification asks for
MOST_BYTES = 64


def new_secret() -> str:
    """A secret as it is shown to whoever verifies."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Whether this is one that others' libraries can read: whsec_ and base 64 of 24 to 64 bytes."""
    try:
        return text.startswith(PREFIX) and LEAST_BYTES <= len(_key(text)) <= MOST_BYTES
    except (binascii.Error, ValueError):
        return False


def headers(delivery_id: str, timestamp: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """What a receiver verifies by. `keys` are the valid secrets: with two, either will do."""
    content = f"{delivery_id}.{timestamp}.".encode() + body
    signed = " ".join(f"v1,{base64.b64encode(hmac.digest(_key(key), content, 'sha256')).decode()}" for key in keys)
    named = {"id": delivery_id, "timestamp": str(timestamp), "signature": signed}
    return {f"{family}-{name}": value for family in ("webhook", "svix") for name, value in named.items()}


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
