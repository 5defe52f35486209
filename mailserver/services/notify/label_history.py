"""What became of the labels of an inbox's messages, for whoever may see those."""

from dataclasses import dataclass

from mailserver.entities.access import Caller, Scope
from mailserver.entities.event import Event, EventType
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import MessageSummary
from mailserver.services.notify import telling
from mailserver.storage import label_changes, label_store, messages
from mailserver.storage.database import Database, Snapshot


@dataclass(frozen=True, slots=True)
class LabelChanged:
    """A label that was put on a message or taken off it; no message where that has gone."""

    event: Event
    is_added: bool
    label: str
    message_id: int
    message: MessageSummary | None


class LabelHistory:
    """The event log, as far as it is about labels of messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, caller: Caller, inbox: Inbox, behind: int | None, limit: int, *, ascending: bool
    ) -> tuple[list[LabelChanged], int | None]:
        """Changes, newest first, and the event that the next page is behind; hidden messages are left out."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(_page, caller, inbox, behind, limit, ascending=ascending)


def _page(
    snapshot: Snapshot, caller: Caller, inbox: Inbox, behind: int | None, limit: int, *, ascending: bool
) -> tuple[list[LabelChanged], int | None]:
    found = label_changes.page(snapshot, inbox.id, behind, limit + 1, ascending=ascending)
    shown = found[:limit]
    numbers = {number for event in shown if (number := telling.message_of(event)) is not None}
    there = {each.id: each for each in messages.summaries(snapshot, sorted(numbers))}
    names: dict[int, str] = {}
    changes = []
    for event in shown:
        number, label_id = telling.message_of(event), event.body.get("label_id")
        if number is None or not isinstance(label_id, int):
            continue
        if label_id not in names:
            known = label_store.get(snapshot, label_id)
            names[label_id] = known.name if known is not None else str(event.body.get("label_key"))
        message = there.get(number)
        if message is not None and caller.hidden.covers(message.visibility, message.labels):
            continue
        is_added = event.type is EventType.LABEL_APPLIED
        changes.append(LabelChanged(event, is_added, names[label_id], number, message))
    return changes, shown[-1].id if len(found) > limit else None
