"""What an inbox may hold, and what it does hold (RFC 9425)."""

import re
from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.entities.quota import Quota
from mailserver.services.accounts.allotments import Allotments
from mailserver.services.syncing.changes import Unknown
from mailserver.storage import changes, inboxes
from mailserver.storage.database import Database, Snapshot

_STATE = re.compile(r"(?P<mail>[0-9]{1,19})\.(?P<limits>[0-9a-z.]*)_(?P<shared>[0-9]{0,19}(?:-[0-9]{1,19})?)")


@dataclass(frozen=True, slots=True)
class Measured:
    """The quotas of an inbox at a state."""

    state: str
    quotas: tuple[Quota, ...]


class Quotas:
    """Reads them through the caller's eyes. Their state is that of the mail, and names the limits it was told with."""

    def __init__(self, database: Database, allotments: Allotments) -> None:
        self._database = database
        self._allotments = allotments

    async def of(self, caller: Caller, inbox: Inbox) -> Measured:
        """The limits that there are; none where an inbox may hold what it likes."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(self._measure, inbox.id)

    async def since(self, caller: Caller, inbox: Inbox, state: str) -> Measured | None:
        """The quotas where something has changed behind a state, else None; Unknown for a state that was never one."""
        caller.require(Scope.EMAIL_READ)

        def read(snapshot: Snapshot) -> Measured | None:
            present = self._measure(snapshot, inbox.id)
            known, own = _STATE.fullmatch(state), _STATE.fullmatch(present.state)
            if not (known and own and known["limits"] == own["limits"] and int(known["mail"]) <= int(own["mail"])):
                raise Unknown
            return None if state == present.state else present

        return await self._database.read(read)

    def _measure(self, snapshot: Snapshot, inbox_id: int) -> Measured:
        inbox = inboxes.get(snapshot, inbox_id)
        if inbox is None:
            raise errors.NotFound("There is no such inbox.")
        quotas = self._allotments.quotas(snapshot, inbox)
        limits = ".".join(f"{each.limit}{'s' if each.is_shared else ''}{each.name[0]}" for each in quotas)
        shared = "-".join(str(each.used) for each in quotas if each.is_shared)  # what others do to it has no number
        number = changes.state(snapshot, inbox_id, changes.EMAIL)
        return Measured(f"{number}.{limits}_{shared}", quotas)
