"""EmailSubmission/get (RFC 8621 7.1)."""

from typing import Any

from mailserver.entities.identifiers import Kind
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.submission import objects
from mailserver.services.syncing.changes import Type


async def get(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Submissions by their ids, or all of them where they are not too many."""
    inbox = await call.account(arguments)
    ids = standard.wanted(call, arguments)
    properties = arguments.properties(objects.PROPERTIES)
    arguments.finish()
    numbers = None if ids is None else [*standard.numbers(Kind.SUBMISSION, ids).values()]
    found = await call.services.syncing.submissions.get(call.caller, inbox, numbers)
    state = await call.services.syncing.changes.state(call.caller, inbox, Type.SUBMISSION)
    if len(found) > call.limits.objects_in_get:
        raise errors.MethodRefused("requestTooLarge", f"There are more than {call.limits.objects_in_get:,}; name ids.")
    shown = [standard.only(objects.shown(each), properties) for each in found]
    return standard.got(standard.account_id(inbox), state, shown, ids)
