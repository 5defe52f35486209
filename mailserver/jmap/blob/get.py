"""Blob/get: bytes, or a range of them, as text, base64 or digest (RFC 9404 4.2)."""

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from mailserver.entities import errors as refusals
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.blob.reading import Reader
from mailserver.jmap.call import Call, Spent
from mailserver.jmap.standard import Object

DIGESTS = {"sha": "sha1", "sha-256": "sha256"}  # the names of HTTP's digest algorithms, and ours
MOST_ANSWERED_BYTES = 32 << 20  # of data in one answer
SMALL_BYTES = 64 << 10  # that are worked on where they are
_PROPERTIES = ("id", "data:asText", "data:asBase64", "data", "size", *(f"digest:{name}" for name in DIGESTS))


async def get(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Blobs by their ids; none is found that the account does not refer to."""
    inbox = await call.account(arguments)
    if arguments.value("ids") is None:
        raise errors.invalid("ids must be a list of ids.", "ids")
    ids = standard.wanted(call, arguments) or []
    properties = arguments.properties(_PROPERTIES, ("id", "data", "size"))
    offset, length = arguments.unsigned("offset") or 0, arguments.unsigned("length")
    arguments.finish()
    reader = Reader(call, inbox)
    found: list[Object] = []
    missing: list[str] = []
    left = MOST_ANSWERED_BYTES
    for text in ids:
        try:
            content = await reader.read(text)
        except refusals.NotFound:
            missing.append(text)
            continue
        except Spent as error:
            raise errors.MethodRefused("requestTooLarge", error.message) from error
        end = len(content) if length is None else offset + length
        some = content[offset:end]
        if any(name.startswith("data") for name in properties):
            left -= len(some)
        if left < 0:
            raise errors.MethodRefused("requestTooLarge", f"At most {MOST_ANSWERED_BYTES:,} octets of data.")
        if len(some) > SMALL_BYTES:
            shown = await asyncio.to_thread(_shown, some, properties)
        else:
            shown = _shown(some, properties)
        is_truncated = max(offset, end) > len(content)
        sized = {"size": len(content)} if "size" in properties else {}
        found.append({"id": text, **shown, **sized, **({"isTruncated": True} if is_truncated else {})})
    return {"accountId": standard.account_id(inbox), "list": found, "notFound": missing}


def _shown(some: bytes, properties: Sequence[str]) -> Object:
    """The range as it is asked for."""
    shown: Object = {}
    text = _text(some) if "data" in properties or "data:asText" in properties else None
    wants_octets = "data:asBase64" in properties
    if "data" in properties:
        wants_octets = wants_octets or text is None
    if "data:asText" in properties or ("data" in properties and text is not None):
        shown["data:asText"] = text
    if wants_octets:
        shown["data:asBase64"] = base64.b64encode(some).decode("ascii")
    if text is None and ("data" in properties or "data:asText" in properties):
        shown["isEncodingProblem"] = True
    for name, algorithm in DIGESTS.items():
        if f"digest:{name}" in properties:
            # SHA-1 identifies here and protects nothing: RFC 9404 4.2 has clients compare it with what they hold.
            digest = hashlib.new(algorithm, some, usedforsecurity=False).digest()
            shown[f"digest:{name}"] = base64.b64encode(digest).decode("ascii")
    return shown


def _text(some: bytes) -> str | None:
    try:
        return some.decode("utf-8")
    except UnicodeDecodeError:
        return None
