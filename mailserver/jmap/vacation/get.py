"""VacationResponse/get (RFC 8621 8.1)."""

from typing import Any

from mailserver.jmap import standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.vacation import objects
from mailserver.services.syncing.changes import Type


async def get(call: Call, arguments: Arguments) -> dict[str, Any]:
    """The one there is."""
    inbox = await call.account(arguments)
    ids = standard.wanted(call, arguments)
    properties = arguments.properties(objects.PROPERTIES)
    arguments.finish()
    found = objects.shown(await call.services.sieve.absences.get(call.caller, inbox))
    state = await call.services.syncing.changes.state(call.caller, inbox, Type.VACATION)
    shown = [standard.only(found, properties)] if ids is None or objects.SINGLETON in ids else []
    return standard.got(standard.account_id(inbox), state, shown, ids)
