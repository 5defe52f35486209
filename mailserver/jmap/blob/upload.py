"""Blob/upload: blobs made within a request, of text, base64 and ranges of other blobs (RFC 9404 4.1)."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from typing import Any

from mailserver.entities import errors as refusals
from mailserver.entities.access import Scope
from mailserver.entities.inbox import Inbox
from mailserver.jmap import blobs, errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.blob.reading import Reader
from mailserver.jmap.call import Call, Spent
from mailserver.jmap.standard import Object

MOST_SOURCES = 64  # of one blob
LONGEST_TYPE = 255
SMALL_BYTES = 64 << 10  # that are decoded where they are
_DATA = ("data:asText", "data:asBase64", "blobId")


async def upload(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Make blobs; kept for seven days unless something refers to them."""
    inbox = await call.account(arguments)
    if arguments.value("create") is None:
        raise errors.invalid("create must be an object of objects by their creation ids.", "create")
    given = standard.objects(arguments, "create", is_creation=True)
    arguments.finish()
    if len(given) > call.limits.objects_in_set:
        raise errors.MethodRefused("requestTooLarge", f"At most {call.limits.objects_in_set:,} objects.")
    call.require_write(Scope.FILES_WRITE)
    reader = Reader(call, inbox)
    created: dict[str, Object] = {}
    refused: dict[str, Object] = {}
    for creation_id in standard.in_order(given, _named):
        try:
            created[creation_id] = await _make(call, inbox, reader, given[creation_id])
        except (errors.SetRefused, refusals.ServiceError) as refusal:
            refused[creation_id] = standard.refused(refusal)
            continue
        call.made[creation_id] = created[creation_id]["id"]
    return {
        "accountId": standard.account_id(inbox),
        "created": created or None,
        "notCreated": refused or None,
    }


async def _make(call: Call, inbox: Inbox, reader: Reader, given: Mapping[str, Any]) -> Object:
    kind, sources = given.get("type"), given.get("data")
    if set(given) - {"type", "data"}:
        raise errors.SetRefused(
            "invalidProperties", "A blob has data and a type.", sorted(set(given) - {"type", "data"})
        )
    if kind is not None and not (isinstance(kind, str) and 0 < len(kind) <= LONGEST_TYPE and kind.isprintable()):
        raise errors.invalid_property("type", "A media type, or null.")
    if not isinstance(sources, list) or not all(isinstance(each, dict) for each in sources):
        raise errors.invalid_property("data", "A list of sources.")
    if not 0 < len(sources) <= MOST_SOURCES:
        raise errors.invalid_property("data", f"Between one source and {MOST_SOURCES}.")
    pieces: list[bytes] = []
    size = 0
    for source in sources:
        pieces.append(await _piece(reader, source))
        size += len(pieces[-1])
        if size > call.limits.upload_bytes:
            raise errors.SetRefused("tooLarge", f"A blob has at most {call.limits.upload_bytes:,} octets.")
    call.budget.spend(size)
    shown_kind = kind or "application/octet-stream"
    kept = await call.services.attachments.upload(call.caller, inbox, _each(pieces), shown_kind, None)
    return {"id": blobs.of(kept.hash), "type": shown_kind, "size": kept.size}


async def _piece(reader: Reader, source: Mapping[str, Any]) -> bytes:
    """What one source gives."""
    named = [name for name in _DATA if name in source]
    if len(named) != 1 or not isinstance(source[named[0]], str):
        raise errors.invalid_property("data", "A source is one of text, base64, and a blob.")
    name, value = named[0], source[named[0]]
    if set(source) - ({"blobId", "offset", "length"} if name == "blobId" else {name}):
        raise errors.invalid_property("data", "A source has something that is not known.")
    if name == "data:asText":
        return str(value).encode("utf-8")
    if name == "data:asBase64":
        return await asyncio.to_thread(_decoded, value) if len(value) > SMALL_BYTES else _decoded(value)
    offset, length = _number(source, "offset") or 0, _number(source, "length")
    try:
        content = await reader.read(value)
    except refusals.NotFound as error:
        raise errors.SetRefused("blobNotFound", error.message, notFound=[value]) from error
    except Spent as error:
        raise errors.SetRefused("tooLarge", error.message) from error
    end = len(content) if length is None else offset + length
    if max(offset, end) > len(content):
        raise errors.invalid_property("data", "The range goes beyond the end of the blob.")
    return content[offset:end]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise errors.invalid_property("data", "It is no base64.") from error


def _number(source: Mapping[str, Any], name: str) -> int | None:
    value = source.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise errors.invalid_property("data", f"{name} is a number that is not negative, or null.")
    return value


async def _each(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _named(given: Mapping[str, Any]) -> list[str]:
    """The creation ids that the sources of a blob name."""
    sources = given.get("data")
    found = [each.get("blobId") for each in sources if isinstance(each, dict)] if isinstance(sources, list) else []
    return [each[1:] for each in found[:MOST_SOURCES] if isinstance(each, str) and each.startswith("#")]
