"""Mailbox/changes (RFC 8621 2.2)."""

from typing import Any

from mailserver.entities.identifiers import Kind
from mailserver.jmap import standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.mailbox import objects
from mailserver.services.syncing.changes import Type


async def changes(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Folders that were touched behind a state, and whether only their counts were."""
    answer, only_counts = await standard.changes(call, arguments, Type.MAILBOX, Kind.FOLDER)
    return {**answer, "updatedProperties": list(objects.COUNTS) if only_counts else None}
