"""Thread/get (RFC 8621 3.1)."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.services.syncing.changes import Type

PROPERTIES = ("id", "emailIds")


async def get(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Threads with the ids of their messages, oldest first."""
    inbox = await call.account(arguments)
    ids = standard.wanted(call, arguments)
    properties = arguments.properties(PROPERTIES)
    arguments.finish()
    if ids is None:
        raise errors.MethodRefused("requestTooLarge", "There may be very many threads; name their ids.")
    state = await call.services.syncing.changes.state(call.caller, inbox, Type.THREAD)
    known = standard.numbers(Kind.THREAD, ids)
    threads = await call.services.syncing.emails.of_threads(call.caller, inbox, list(known.values()))
    found = [
        standard.only(
            {"id": text, "emailIds": [identifiers.encode(Kind.MESSAGE, each) for each in threads[number]]}, properties
        )
        for text, number in known.items()
        if number in threads
    ]
    return standard.got(identifiers.encode(Kind.INBOX, inbox.id), state, found, ids)
