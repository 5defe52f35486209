"""Six digits that change every half minute (RFC 6238, RFC 4226)."""

import base64
import binascii
import hmac
from urllib.parse import quote

DIGITS = 6
STEP_SECONDS = 30
DRIFT_STEPS = 1  # RFC 6238 5.2: one step for clocks that differ and for slow fingers
SECRET_BYTES = 20  # RFC 4226 4: 160 bits


def write_secret(octets: bytes) -> str:
    """A secret as authenticators take it."""
    return base64.b32encode(octets).decode().rstrip("=")


def code(secret: str, step: int) -> str:
    """The digits of a step (RFC 4226 5.3)."""
    try:
        key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    except binascii.Error as error:
        raise ValueError("The secret is not base32.") from error
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: str, text: str, at_seconds: float, last_step: int) -> int | None:
    """The step whose digits these are; None where they are wrong, or of a step that was used (RFC 6238 5.2)."""
    now, found = int(at_seconds) // STEP_SECONDS, None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if hmac.compare_digest(code(secret, step).encode(), text.encode("utf-8", "replace")) and step > last_step:
            found = step
    return found


def uri(secret: str, account: str, issuer: str) -> str:
    """What authenticators read from a square of dots."""
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?secret={secret}&issuer={quote(issuer)}"
