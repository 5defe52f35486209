"""What tenants hold and send."""

import time
from dataclasses import dataclass

from mailserver.entities.access import Caller
from mailserver.entities.inbox import Inbox
from mailserver.storage import inboxes
from mailserver.storage.database import Database, Snapshot

DAY_MS = 86_400_000
MONTH_MS = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class Used:
    """What an inbox holds, and how many messages it sent."""

    inbox: Inbox
    sent_day: int
    sent_month: int


class Usage:
    """Counters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, caller: Caller) -> list[Used]:
        """What each inbox holds that a caller may look into."""
        return await self._database.read(_used, caller, int(time.time() * 1000))


def _used(snapshot: Snapshot, caller: Caller, now: int) -> list[Used]:
    return [
        Used(inbox, *inboxes.sent_since(snapshot, inbox.id, now - DAY_MS, now - MONTH_MS))
        for inbox in inboxes.of_tenant(snapshot, caller.tenant_id)
        if caller.sees(inbox)
    ]
