"""What an inbox may hold, and what it does hold (RFC 9425)."""

from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.entities.quota import Allotment, Quota
from mailserver.services.syncing.changes import Unknown
from mailserver.storage import changes, inboxes
from mailserver.storage.database import Database, Snapshot


@dataclass(frozen=True, slots=True)
class Measured:
    """The quotas of an inbox at a state."""

    state: str
    quotas: tuple[Quota, ...]


class Quotas:
    """Reads them through the caller's eyes. Their state is that of the mail, and names the limits it was told with."""

    def __init__(self, database: Database, allotment: Allotment) -> None:
        self._database = database
        self._allotment = allotment

    async def of(self, caller: Caller, inbox: Inbox) -> Measured:
        """The limits that there are; none where an inbox may hold what it likes."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(self._measure, inbox.id)

    async def since(self, caller: Caller, inbox: Inbox, state: str) -> Measured | None:
        """The quotas where something has changed behind a state, else None; Unknown for a state that was never one."""
        caller.require(Scope.EMAIL_READ)

        def read(snapshot: Snapshot) -> Measured | None:
            present = self._measure(snapshot, inbox.id)
            number, dot, limits = state.partition(".")
            current, _, own = present.state.partition(".")
            is_number = number.isascii() and number.isdigit() and len(number) <= len(current)
            if not (dot and limits == own and is_number and int(number) <= int(current)):
                raise Unknown
            return None if number == current else present

        return await self._database.read(read)

    def _measure(self, snapshot: Snapshot, inbox_id: int) -> Measured:
        inbox = inboxes.get(snapshot, inbox_id)
        if inbox is None:
            raise errors.NotFound("There is no such inbox.")
        most = self._allotment
        every = (
            Quota("octets", inbox.used_bytes, most.most_bytes),
            Quota("count", inbox.message_count, most.most_messages),
        )
        number = changes.state(snapshot, inbox_id, changes.EMAIL)
        return Measured(f"{number}.{most.most_bytes}.{most.most_messages}", tuple(each for each in every if each.limit))
