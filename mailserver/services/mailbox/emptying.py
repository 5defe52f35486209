"""Trash and Junk are emptied of what nobody has touched for a while, where an operator wants that."""

import time
from collections.abc import Mapping

from mailserver.entities.folder import Role
from mailserver.storage import allotments, arrange
from mailserver.storage.database import Database, Transaction

REMOVED_AT_ONCE = 100  # messages of one transaction


class Emptying:
    """Takes messages out of those folders; one that lies in another folder too stays there."""

    def __init__(self, database: Database, days: Mapping[Role, int]) -> None:
        self._database = database
        self._days = days

    async def sweep(self) -> int:
        """Take out what is past its time, counted from its last move or mark; how many."""
        return sum([await self._empty(role, days) for role, days in self._days.items()])

    async def _empty(self, role: Role, days: int) -> int:
        gone = 0
        while await self._database.read(allotments.passed, role, days, _now(), 1):
            gone += await self._database.write(_take_out, role, days)
        return gone


def _take_out(tx: Transaction, role: Role, days: int) -> int:
    now = _now()
    found = allotments.passed(tx, role, days, now, REMOVED_AT_ONCE)
    for message_id, folder_id in found:
        arrange.take_out(tx, message_id, folder_id, now)
    return len(found)


def _now() -> int:
    return int(time.time() * 1000)
