"""EmailSubmission/changes (RFC 8621 7.2)."""

from typing import Any

from mailserver.entities.identifiers import Kind
from mailserver.jmap import standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.services.syncing.changes import Type


async def changes(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Submissions that were touched behind a state."""
    answer, _ = await standard.changes(call, arguments, Type.SUBMISSION, Kind.SUBMISSION)
    return answer
