"""Due deliveries handed to the queue's runner, under a lease."""

from collections.abc import Callable, Sequence

from mailserver.entities.delivery import Job, Lane
from mailserver.storage import claims, deliveries
from mailserver.storage.database import Database, Snapshot


class Claims:
    """What one node works on. `owner` names the node and stays the same when it starts again."""

    def __init__(self, database: Database, owner: str, lease_seconds: float, clock: Callable[[], int]) -> None:
        self._database = database
        self._owner = owner
        self._lease_ms = int(lease_seconds * 1000)
        self._clock = clock

    async def lanes(self) -> list[Lane]:
        """Which tenants have due mail to which destinations."""
        return await self._database.read(claims.lanes, self._clock())

    async def claim(self, quotas: Sequence[tuple[Lane, int]]) -> list[Job]:
        """Take at most so many due deliveries of each lane; their attempt is counted and on the disk."""
        now = self._clock()
        return await self._database.write(claims.claim, self._owner, now + self._lease_ms, now, quotas)

    async def claim_expired(self, limit: int) -> list[Job]:
        """Take deliveries whose time is over."""
        now = self._clock()
        numbers = await self._database.read(claims.expired, now, limit)
        if not numbers:
            return []
        return await self._database.write(claims.take, self._owner, now + self._lease_ms, now, numbers)

    async def claim_overdue(self, limit: int) -> list[Job]:
        """Take deliveries that are to go back because they were wanted by now (RFC 2852)."""
        now = self._clock()
        numbers = await self._database.read(claims.overdue, now, limit, is_returned=True)
        if not numbers:
            return []
        return await self._database.write(claims.take, self._owner, now + self._lease_ms, now, numbers)

    async def overdue(self, limit: int) -> list[Job]:
        """Deliveries that were wanted by now, and whose sender wants to be told, and is not yet."""
        return await self._database.read(_overdue, self._clock(), limit)

    async def mark_by_notified(self, delivery_ids: Sequence[int]) -> None:
        """Remember that the sender knows that the time has passed."""
        await self._database.write(deliveries.mark_by_notified, delivery_ids)

    async def late(self, queued_before: int, limit: int) -> list[Job]:
        """Deliveries that wait since before a time, and whose sender does not know it yet; none that is due."""
        return await self._database.read(claims.late, queued_before, self._clock(), limit)

    async def mark_delay_notified(self, delivery_ids: Sequence[int]) -> None:
        """Remember that the sender knows of the delay."""
        await self._database.write(deliveries.mark_delay_notified, delivery_ids)

    async def give_back(self, delivery_ids: Sequence[int]) -> None:
        """Let go of deliveries that were not tried; somebody else may take them at once."""
        await self._database.write(claims.give_back, self._owner, delivery_ids, self._clock())

    async def postpone(self, domain: str, until: int, reply: str, host: str) -> int:
        """Let everything due for a destination wait, with the reason; how many there were."""
        now = self._clock()
        return await self._database.write(claims.postpone, domain, until=until, now=now, reply=reply, host=host)

    async def recover(self) -> int:
        """Make due again what this node held when it died; how many there were."""
        return await self._database.write(claims.recover, self._owner, self._clock())

    async def extend(self, delivery_ids: Sequence[int]) -> None:
        """Hold these deliveries for another lease."""
        until = self._clock() + self._lease_ms
        await self._database.write(claims.extend, self._owner, until, delivery_ids)

    async def next_due_at(self) -> int | None:
        """When the next delivery that waits becomes due."""
        return await self._database.read(claims.next_due_at, self._clock())


def _overdue(snapshot: Snapshot, now: int, limit: int) -> list[Job]:
    return deliveries.jobs(snapshot, claims.overdue(snapshot, now, limit, is_returned=False))
