"""Identity/get (RFC 8621 6.1)."""

from typing import Any

from mailserver.jmap import standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.identity import objects
from mailserver.services.syncing.changes import Type


async def get(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Identities by their ids, or all of them."""
    inbox = await call.account(arguments)
    ids = standard.wanted(call, arguments)
    properties = arguments.properties(objects.PROPERTIES)
    arguments.finish()
    await call.services.syncing.identities.complete(call.caller, inbox)
    state = await call.services.syncing.changes.state(call.caller, inbox, Type.IDENTITY)
    every = [objects.shown(each) for each in await call.services.syncing.identities.all_of(call.caller, inbox)]
    found = [standard.only(each, properties) for each in every if ids is None or each["id"] in set(ids)]
    return standard.got(standard.account_id(inbox), state, found, ids)
