"""How much an inbox may send: messages and recipients in an hour and in a day, by whichever door.

What was sent is counted in memory, which begins with what the database knows: a restart forgets nothing, and several
nodes that share a database multiply a limit by their number at the most. A part of a limit that was used up is told
behind the message that did it, in a transaction of its own: a crash between the two loses the event, never the count.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from mailserver.entities import errors
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource
from mailserver.settings.limits import Limits
from mailserver.storage import deliveries, inboxes
from mailserver.storage.database import Database, Transaction

SLOT_MS = 600_000
HOUR_SLOTS = 6
DAY_SLOTS = 144
TOLD_PERCENT = (50, 75, 80, 90, 95, 100)  # of a limit that are told, each once while it stays used up
MOST_INBOXES = 10_000  # counted in memory; the others are looked up again

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SendingLimits:
    """What one inbox may send; 0 is no limit."""

    messages_per_hour: int = 0
    messages_per_day: int = 0
    recipients_per_hour: int = 0
    recipients_per_day: int = 0

    @property
    def is_off(self) -> bool:
        """Whether nothing has to be counted."""
        messages = self.messages_per_hour or self.messages_per_day
        return not (messages or self.recipients_per_hour or self.recipients_per_day)


@dataclass(slots=True)
class _Spent:
    messages: int = 0
    recipients: int = 0


class Allowance:
    """The budgets of all inboxes. A limit that is reached is a sentence that says which."""

    def __init__(self, database: Database, ids: IdSource, limits: SendingLimits, clock: Callable[[], int]) -> None:
        self._database = database
        self._ids = ids
        self._limits = limits
        self._clock = clock
        self._inboxes: OrderedDict[int, dict[int, _Spent]] = OrderedDict()
        self._looking_up = asyncio.Lock()
        self._told: dict[int, dict[str, int]] = {}  # inbox to cap to the percentage that was told last

    async def check(self, inbox_id: int, recipients: int = 0) -> None:
        """AllowanceSpent where a message, or so many recipients, would be more than the inbox may send now."""
        if not self._limits.is_off:
            self._refuse(await self._slots(inbox_id), recipients)

    async def left(self, inbox_id: int, most: int) -> int:
        """How many messages to one recipient each may be sent now, `most` where nothing stands in the way."""
        if self._limits.is_off:
            return most
        used = self._used(await self._slots(inbox_id)).values()
        return max(0, min([most, *(limit - spent for spent, limit in used)]))

    @asynccontextmanager
    async def spending(self, inbox_id: int, recipients: int, messages: int = 1) -> AsyncIterator[None]:
        """Count what the block sends; AllowanceSpent where it may not. What fails is not counted."""
        if self._limits.is_off:
            yield
            return
        slots = await self._slots(inbox_id)
        self._refuse(slots, recipients)
        before = self._used(slots)
        spent = slots.setdefault(self._clock() // SLOT_MS, _Spent())
        spent.messages += messages
        spent.recipients += recipients
        try:
            yield
        except Exception:  # a caller that goes away is no failure: the message is on its way
            spent.messages -= messages
            spent.recipients -= recipients
            raise
        await self._tell(inbox_id, before, self._used(slots))

    def _used(self, slots: dict[int, _Spent]) -> dict[str, tuple[int, int]]:
        """How much of each limit is used up: (used, limit)."""
        limits, now = self._limits, self._clock() // SLOT_MS
        used: dict[str, tuple[int, int]] = {}
        for words, number, most_messages, most_recipients in (
            ("hour", HOUR_SLOTS, limits.messages_per_hour, limits.recipients_per_hour),
            ("day", DAY_SLOTS, limits.messages_per_day, limits.recipients_per_day),
        ):
            counted = [spent for slot, spent in slots.items() if slot >= now - number]
            if most_messages:
                used[f"messages_per_{words}"] = sum(spent.messages for spent in counted), most_messages
            if most_recipients:
                used[f"recipients_per_{words}"] = sum(spent.recipients for spent in counted), most_recipients
        return used

    async def _tell(self, inbox_id: int, before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> None:
        """Publish what this message has used up, where nobody was told of it yet."""
        bodies = []
        for cap, (used, limit) in after.items():
            was, now = _step(*before.get(cap, (0, limit))), _step(used, limit)
            told = self._told.setdefault(inbox_id, {})
            if was < told.get(cap, 0):
                told[cap] = was  # some of it is free again: what is used up anew is news
            last = max(was, told.get(cap, 0))
            if now > last:
                told[cap] = now
                bodies.append({"cap": cap, "percent": now, "previous_percent": last, "used": used, "limit": limit})
        while len(self._told) > MOST_INBOXES:
            del self._told[next(iter(self._told))]
        if not bodies:
            return
        try:
            await self._database.write(self._publish, inbox_id, bodies)
        except errors.Temporary as error:  # the message is sent: its sender must not hear that it was not
            log.warning("outbound.cap.untold", inbox_id=inbox_id, error=error.message)

    def _publish(self, tx: Transaction, inbox_id: int, bodies: list[dict[str, Any]]) -> None:
        inbox = inboxes.get(tx, inbox_id)
        for body in bodies if inbox is not None else ():
            assert inbox is not None
            kind = EventType.CAP_REACHED
            tx.publish(Event(self._ids.next(), inbox.tenant_id, inbox_id, kind, self._clock(), body))

    def _refuse(self, slots: dict[int, _Spent], recipients: int) -> None:
        limits, now = self._limits, self._clock() // SLOT_MS
        for words, number, most_messages, most_recipients in (
            ("an hour", HOUR_SLOTS, limits.messages_per_hour, limits.recipients_per_hour),
            ("a day", DAY_SLOTS, limits.messages_per_day, limits.recipients_per_day),
        ):
            since = now - number
            counted = [spent for slot, spent in slots.items() if slot >= since]
            if most_messages and sum(spent.messages for spent in counted) >= most_messages:
                raise errors.AllowanceSpent(f"This inbox may send {most_messages} messages {words}; try again later.")
            if most_recipients and sum(spent.recipients for spent in counted) + recipients > most_recipients:
                raise errors.AllowanceSpent(
                    f"This inbox may write to {most_recipients} recipients {words}; try again later."
                )

    async def _slots(self, inbox_id: int) -> dict[int, _Spent]:
        found = self._inboxes.get(inbox_id)
        if found is None:
            async with self._looking_up:
                found = self._inboxes.get(inbox_id)
                if found is None:
                    found = await self._look_up(inbox_id)
        self._inboxes.move_to_end(inbox_id)
        oldest = self._clock() // SLOT_MS - DAY_SLOTS
        for slot in [slot for slot in found if slot < oldest]:
            del found[slot]
        return found

    async def _look_up(self, inbox_id: int) -> dict[int, _Spent]:
        since = (self._clock() // SLOT_MS - DAY_SLOTS) * SLOT_MS
        rows = await self._database.read(deliveries.sent_since, inbox_id, since, SLOT_MS)
        found = {slot: _Spent(messages, recipients) for slot, messages, recipients in rows}
        self._inboxes[inbox_id] = found
        while len(self._inboxes) > MOST_INBOXES:
            self._inboxes.popitem(last=False)
        return found


def _step(used: int, limit: int) -> int:
    """The largest told percentage that is used up."""
    return max((percent for percent in TOLD_PERCENT if used * 100 >= percent * limit), default=0)


def limits(chosen: Limits) -> SendingLimits:
    """The allowances that the operator has chosen."""
    return SendingLimits(
        chosen.messages_per_inbox_per_hour,
        chosen.messages_per_inbox_per_day,
        chosen.recipients_per_inbox_per_hour,
        chosen.recipients_per_inbox_per_day,
    )
