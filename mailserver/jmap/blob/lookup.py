"""Blob/lookup: what refers to blobs (RFC 9404 4.3)."""

from collections.abc import Callable
from typing import Any

from mailserver.entities import errors as refusals
from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.jmap import blobs, capabilities, errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.blob.reading import Reader
from mailserver.jmap.call import Call, Spent
from mailserver.services.syncing.blobs import Referring

MOST = 100  # blobs of one call
_TYPES: dict[str, tuple[str, Kind, Callable[[Referring], tuple[int, ...]]]] = {
    "Mailbox": (capabilities.MAIL, Kind.FOLDER, lambda found: found.folder_ids),
    "Thread": (capabilities.MAIL, Kind.THREAD, lambda found: found.thread_ids),
    "Email": (capabilities.MAIL, Kind.MESSAGE, lambda found: found.message_ids),
    "SieveScript": (capabilities.SIEVE, Kind.SIEVE_SCRIPT, lambda found: found.script_ids),
}
TYPES = tuple(_TYPES)


async def lookup(call: Call, arguments: Arguments) -> dict[str, Any]:
    """The objects by blob and type. What the account does not have looks as what nothing refers to."""
    inbox = await call.account(arguments)
    names, ids = arguments.strings("typeNames"), arguments.ids("ids")
    arguments.finish()
    if names is None or ids is None:
        raise errors.invalid("typeNames and ids must be lists.", "typeNames" if names is None else "ids")
    if any(name not in _TYPES or _TYPES[name][0] not in call.using for name in names):
        raise errors.MethodRefused("unknownDataType")
    if len(ids) > MOST:
        raise errors.MethodRefused("requestTooLarge", f"At most {MOST} blobs.")
    reader = Reader(call, inbox)
    listed = []
    for text in dict.fromkeys(call.meant(each) for each in ids):
        found = await _referring(call, inbox, reader, text)
        matched = {
            name: [identifiers.encode(kind, number) for number in chosen(found)]
            for name, (_, kind, chosen) in _TYPES.items()
            if name in names
        }
        listed.append({"id": text, "matchedIds": matched})
    return {"accountId": standard.account_id(inbox), "list": listed, "notFound": []}


async def _referring(call: Call, inbox: Inbox, reader: Reader, text: str) -> Referring:
    blob = blobs.read(text)
    if blob is None:
        return Referring()
    try:
        if blob.sections:
            await reader.read(text)  # an id can be written of a part that is not there
    except refusals.NotFound:
        return Referring()
    except Spent as error:
        raise errors.MethodRefused("requestTooLarge", error.message) from error
    return await call.services.syncing.blobs.referring(call.caller, inbox, blob.digest)
