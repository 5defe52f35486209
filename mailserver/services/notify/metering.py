"""Count what happens, behind the event log, and look now and then how much there is."""

from collections.abc import Callable, Sequence

from mailserver.entities.event import Event
from mailserver.entities.metric import Extent, Metric, UsageLevel
from mailserver.services.notify import agent_events, telling
from mailserver.storage import metrics, usage_levels
from mailserver.storage.database import Database, Snapshot, Transaction

KEPT_MS = 90 * 86_400_000
LOOKED_AT_ONCE = 200
EXPIRED_AT_ONCE = 1_000


class Metering:
    """A subscriber of the feed, so that each event is counted once, and a job."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def matches(self, snapshot: Snapshot, event: Event) -> bool:
        """Whether it is counted."""
        del snapshot
        return event.type in agent_events.NAMES

    def take(self, tx: Transaction, event: Event) -> None:
        """Count it, under the name that it has at that time."""
        name = agent_events.name(tx, event)
        if name is None:
            return
        recipients = 1
        if name == agent_events.SENT:
            message_id = telling.message_of(event)
            recipients = 0 if message_id is None else metrics.recipients_of(tx, message_id)
        metrics.add(tx, Metric(event.id, event.tenant_id, event.inbox_id, name, event.occurred_at, recipients))

    async def look(self) -> int:
        """Write down how much there is, wherever that has changed; in how many places it had."""
        changed = 0
        for extents_behind, own_id in (
            (usage_levels.inboxes, _inbox), (usage_levels.pods, _pod), (usage_levels.tenants, _tenant),
        ):  # fmt: skip
            behind = 0
            while extents := await self._database.read(extents_behind, behind, LOOKED_AT_ONCE):
                behind = own_id(extents[-1])
                levels = await self._database.read(_new, extents, self._clock())
                if levels:
                    await self._database.write(_add, levels)
                changed += len(levels)
        return changed

    async def expire(self) -> int:
        """Forget what happened long ago, and how much there was then; how many rows."""
        before, total = self._clock() - KEPT_MS, 0
        for forget in (metrics.expire, usage_levels.expire):
            while gone := await self._database.write(forget, before, EXPIRED_AT_ONCE):
                total += gone
        return total


def _inbox(extent: Extent) -> int:
    return extent.inbox_id or 0


def _pod(extent: Extent) -> int:
    return extent.pod_id or 0


def _tenant(extent: Extent) -> int:
    return extent.tenant_id


def _new(snapshot: Snapshot, extents: Sequence[Extent], now: int) -> list[tuple[Extent, UsageLevel]]:
    found = []
    for extent in extents:
        known = usage_levels.last(snapshot, extent, now)
        level = usage_levels.now(snapshot, extent, now, known)
        if level is not known:
            found.append((extent, level))
    return found


def _add(tx: Transaction, levels: Sequence[tuple[Extent, UsageLevel]]) -> None:
    for extent, level in levels:
        usage_levels.add(tx, extent, level)
