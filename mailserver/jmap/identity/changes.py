"""Identity/changes (RFC 8621 6.2)."""

from typing import Any

from mailserver.entities.identifiers import Kind
from mailserver.jmap import standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.services.syncing.changes import Type


async def changes(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Identities that were touched behind a state."""
    await call.services.syncing.identities.complete(call.caller, await call.account(arguments))
    answer, _ = await standard.changes(call, arguments, Type.IDENTITY, Kind.IDENTITY)
    return answer
