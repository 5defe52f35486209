"""A signed envelope sender for each recipient, so that a report that comes back names its delivery."""

import base64
import binascii
import hashlib
import hmac

PREFIX = "b+"
_ID_BYTES = 8
_ID_LETTERS = 13
_MAC_BYTES = 10
_MAC_LETTERS = 16
LARGEST = (1 << 63) - 1


def make(secret: bytes, number: int, domain: str) -> str:
    """Write the address of a delivery: `b+<number>.<signature>@domain`, lower-case letters and digits."""
    if not 0 <= number <= LARGEST:
        raise ValueError("The number does not fit into 63 bits.")
    digits = _letters(number.to_bytes(_ID_BYTES, "big"))
    return f"{PREFIX}{digits}.{_sign(secret, digits, domain)}@{domain}"


def read(secret: bytes, address: str) -> int | None:
    """Read the number of an address that `make` wrote with the same secret; letter case does not count."""
    local, _, domain = address.lower().rpartition("@")
    digits, _, signature = local.removeprefix(PREFIX).partition(".")
    if not local.startswith(PREFIX) or len(digits) != _ID_LETTERS or len(signature) != _MAC_LETTERS:
        return None
    if not hmac.compare_digest(_sign(secret, digits, domain).encode(), signature.encode("utf-8", "replace")):
        return None
    try:
        octets = base64.b32decode(digits.upper() + "===")
    except binascii.Error:
        return None
    return int.from_bytes(octets, "big")


def _sign(secret: bytes, digits: str, domain: str) -> str:
    content = f"{digits}@{domain.lower()}".encode("utf-8", "replace")
    return _letters(hmac.new(secret, content, hashlib.sha256).digest()[:_MAC_BYTES])


def _letters(octets: bytes) -> str:
    return base64.b32encode(octets).decode("ascii").rstrip("=").lower()
