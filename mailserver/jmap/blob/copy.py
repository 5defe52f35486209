"""Blob/copy: blobs of one account into another (RFC 8620 6.3)."""

from collections.abc import AsyncIterator
from typing import Any

from mailserver.entities import errors as refusals
from mailserver.entities.access import Scope
from mailserver.jmap import blobs, errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.blob.reading import Reader
from mailserver.jmap.call import Call, Spent
from mailserver.jmap.standard import Object


async def copy(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Let another account have blobs too; kept there as an upload is."""
    inbox = await call.account(arguments)
    try:
        source = await call.inbox(arguments.id("fromAccountId"))
    except errors.MethodRefused as error:
        if error.answer["type"] != "accountNotFound":
            raise
        raise errors.MethodRefused("fromAccountNotFound") from error
    asked = arguments.ids("blobIds")
    arguments.finish()
    if asked is None:
        raise errors.invalid("blobIds must be a list of ids.", "blobIds")
    if source.id == inbox.id:
        raise errors.invalid("A blob is copied from another account.", "fromAccountId")
    if len(asked) > call.limits.objects_in_set:
        raise errors.MethodRefused("requestTooLarge", f"At most {call.limits.objects_in_set:,} blobs.")
    call.require_write(Scope.FILES_WRITE)
    reader = Reader(call, source)
    copied: dict[str, str] = {}
    refused: dict[str, Object] = {}
    for text in dict.fromkeys(asked):
        try:
            content = await reader.read(text)
            kept = await call.services.attachments.upload(
                call.caller, inbox, _once(content), "application/octet-stream", None
            )
        except Spent as error:
            refused[text] = errors.SetRefused("tooLarge", error.message).answer
        except refusals.ServiceError as refusal:
            refused[text] = standard.refused(refusal)
        else:
            copied[text] = blobs.of(kept.hash)
    return {
        "fromAccountId": standard.account_id(source),
        "accountId": standard.account_id(inbox),
        "copied": copied or None,
        "notCopied": refused or None,
    }


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
