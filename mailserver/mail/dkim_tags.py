"""Tag lists of DKIM signatures and key records (RFC 6376 3.2)."""

import binascii
import re

_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_FOLDS = re.compile(rb"[ \t\r\n]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
MAX_LENGTH = 32 * 1024


def parse(value: bytes) -> dict[bytes, bytes] | None:
    """Read a tag list; None where it breaks the grammar or has a tag twice."""
    if len(value) > MAX_LENGTH:
        return None
    tags: dict[bytes, bytes] = {}
    pieces = value.split(b";")
    if not pieces[-1].strip():
        pieces.pop()
    for piece in pieces:
        name, found, content = piece.partition(b"=")
        name = name.strip()
        if not found or name in tags or not _NAME.fullmatch(name):
            return None
        tags[name] = content.strip()
    return tags


def base64_value(value: bytes | None) -> bytes | None:
    """Decode a base-64 tag, folds allowed; None where there is none or it is not base 64."""
    if value is None:
        return None
    letters = _FOLDS.sub(b"", value)
    if not _BASE64.fullmatch(letters):
        return None
    try:
        return binascii.a2b_base64(letters)
    except binascii.Error:
        return None


def number(value: bytes | None) -> int | None:
    """Read a decimal tag; None where there is none. ValueError for anything else."""
    if value is None:
        return None
    if not value.isdigit() or len(value) > 12:
        raise ValueError("The tag is no number.")
    return int(value)


def without_folds(value: bytes) -> bytes:
    """Take white space out."""
    return _FOLDS.sub(b"", value)
