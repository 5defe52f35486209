"""SieveScript/validate (RFC 9661 2.6)."""

from typing import Any

from mailserver.entities import errors as refusals
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call


async def validate(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Say whether a blob is a script that could be kept; nothing is."""
    inbox = await call.account(arguments)
    blob_id = arguments.id("blobId")
    arguments.finish()
    try:
        octets = await call.blob(inbox, blob_id)
    except refusals.NotFound as error:
        raise errors.MethodRefused("blobNotFound", error.message) from error
    return {"accountId": standard.account_id(inbox), "error": await _problem(call, octets)}


async def _problem(call: Call, octets: bytes) -> dict[str, Any] | None:
    try:
        await call.services.sieve.scripts.validate(octets)
    except refusals.BadScript as error:
        return errors.SetRefused("invalidSieve", error.message).answer
    return None
