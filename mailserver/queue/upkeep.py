"""What has to happen to waiting mail even if nobody tries it: giving up in time, and telling of the delay."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import chain, repeat
from typing import Protocol

import structlog

from mailserver.entities import errors
from mailserver.entities.delivery import Deferred, Job
from mailserver.mail import reply as replies
from mailserver.mail.reply import Reply
from mailserver.queue.attempt import Attempt
from mailserver.queue.bounce import Bounces, Undeliverable

UPKEEP_SECONDS = 300.0
SECOND_SECONDS = 30.0  # after a start: what was due then has been tried, and may be told of
DEADLINE_SECONDS = 5.0  # between two looks for what is wanted by now; an index makes them cheap
MOST_AT_ONCE = 200

log = structlog.get_logger()


class Waiting(Protocol):
    """Who knows what waits."""

    async def claim_expired(self, limit: int) -> list[Job]:
        """Take deliveries whose time is over."""
        ...

    async def claim_overdue(self, limit: int) -> list[Job]:
        """Take deliveries that are to go back because they were wanted by now."""
        ...

    async def overdue(self, limit: int) -> list[Job]:
        """Deliveries that were wanted by now, and whose sender is to be told and does not know it yet."""
        ...

    async def mark_by_notified(self, delivery_ids: Sequence[int]) -> None:
        """Remember that the sender knows that the time has passed."""
        ...

    async def late(self, queued_before: int, limit: int) -> list[Job]:
        """Deliveries that wait since before a time, and whose sender does not know it yet; none that is due."""
        ...

    async def mark_delay_notified(self, delivery_ids: Sequence[int]) -> None:
        """Remember that the sender knows."""
        ...


class Upkeep:
    """Goes through what waits, every few minutes."""

    def __init__(
        self,
        waiting: Waiting,
        attempt: Attempt,
        bounces: Bounces,
        delay_notice_seconds: float,
        clock: Callable[[], int],
        period_seconds: float = UPKEEP_SECONDS,
    ) -> None:
        self._waiting = waiting
        self._attempt = attempt
        self._bounces = bounces
        self._delay_notice_ms = int(delay_notice_seconds * 1000)
        self._clock = clock
        self._period_seconds = min(period_seconds, delay_notice_seconds)

    async def run_forever(self) -> None:
        """Look at once, soon again, then every period; for what is wanted by a time more often."""
        pause = min(DEADLINE_SECONDS, self._period_seconds)
        pauses = chain([min(SECOND_SECONDS, self._period_seconds)], repeat(self._period_seconds))
        left = 0.0
        while True:
            try:
                await self.deadlines()
                if left <= 0:
                    left = next(pauses)
                    await self.once()
            except errors.Temporary as error:
                log.error("queue.upkeep.failed", error=error.message)
            await asyncio.sleep(pause)
            left -= pause

    async def deadlines(self) -> None:
        """Give up on what was wanted by now, or tell that it is late, as the sender chose (RFC 2852 4.1)."""
        await self._give_up(self._waiting.claim_overdue)
        while jobs := await self._waiting.overdue(MOST_AT_ONCE):
            for job in jobs:
                await self._tell_of_deadline(job)

    async def once(self) -> None:
        """Give up on what is over and tell of what is late."""
        seen = await self._give_up(self._waiting.claim_expired)
        while jobs := await self._waiting.late(self._clock() - self._delay_notice_ms, MOST_AT_ONCE):
            for job in jobs:
                await self._tell_of_delay(job, seen)

    async def _give_up(self, claim: Callable[[int], Awaitable[list[Job]]]) -> set[int]:
        """Expire all that is claimed; the deliveries that were."""
        seen: set[int] = set()
        while jobs := await claim(MOST_AT_ONCE):
            numbers = {delivery.id for job in jobs for delivery in job.deliveries}
            if (
                numbers & seen
            ):  # their report cannot be stored now, so they are here again: leave them for the next time
                break
            seen |= numbers
            for job in jobs:
                await self._attempt.expire(job)
        return seen

    async def _tell_of_deadline(self, job: Job) -> None:
        """Once for each recipient, as far as its NOTIFY allows."""
        now = self._clock()
        told = [
            (delivery, Deferred(now, _too_late(delivery.last_reply), delivery.last_host or ""))
            for delivery in job.deliveries
        ]
        try:
            await self._bounces.report("delayed", job.message, told, "overdue")
        except Undeliverable as error:
            raise errors.Temporary(str(error)) from error
        await self._waiting.mark_by_notified([delivery.id for delivery in job.deliveries])

    async def _tell_of_delay(self, job: Job, over: Collection[int]) -> None:
        """Once for each recipient, as far as its NOTIFY allows; none that has just been told of its failure."""
        now = self._clock()
        told = [
            (delivery, Deferred(now, _last(delivery.last_reply), delivery.last_host or ""))
            for delivery in job.deliveries
            if delivery.id not in over
        ]
        try:
            await self._bounces.report("delayed", job.message, told)
        except Undeliverable as error:
            raise errors.Temporary(str(error)) from error
        await self._waiting.mark_delay_notified([delivery.id for delivery in job.deliveries])


def _too_late(last: str | None) -> Reply:
    """What the sender reads of a message that was wanted by now (RFC 3463 3.5)."""
    return Reply(451, "4.4.7", f"Not delivered by the time that was asked for{f': {last}' if last else ''}")


def _last(text: str | None) -> Reply:
    """The recorded reply, read again."""
    code, _, rest = (text or "").partition(" ")
    if len(code) == 3 and code.isascii() and code.isdigit():
        return replies.parse(int(code), rest)
    return Reply(451, "4.4.7", "No attempt has succeeded yet")
