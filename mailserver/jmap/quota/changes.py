"""Quota/changes (RFC 9425 4.3)."""

from typing import Any

from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.quota import objects
from mailserver.services.syncing.changes import Unknown


async def changes(call: Call, arguments: Arguments) -> dict[str, Any]:
    """What changes is how much is used; where an operator changes a limit, a client asks for all of them again."""
    inbox = await call.account(arguments)
    since = arguments.state("sinceState")
    arguments.positive("maxChanges")  # there are four at the most, and they change together
    arguments.finish()
    service = call.services.syncing.quotas
    try:
        changed = await service.since(call.caller, inbox, since)
    except Unknown as error:
        raise errors.MethodRefused("cannotCalculateChanges", error.message) from error
    return {
        "accountId": standard.account_id(inbox),
        "oldState": since,
        "newState": changed.state if changed else since,
        "hasMoreChanges": False,
        "created": [],
        "updated": [objects.name_of(each) for each in changed.quotas] if changed else [],
        "destroyed": [],
        "updatedProperties": ["used"] if changed else None,
    }
