"""Claim due deliveries and keep each destination within its limits.

Everything that is due stands in the database; this holds only what it works on now, under leases. A ring, the end of a
rest or a rescan begins a round: see which destinations have due mail, claim a fair share of each, hand it to workers.
"""

import asyncio
import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from mailserver.entities import errors
from mailserver.entities.delivery import Deferred, Job, Lane, Outcome
from mailserver.queue.attempt import Attempt, refusal_of_all
from mailserver.queue.backlog import Backlog
from mailserver.queue.ledger import Ledger
from mailserver.queue.pace import Pace
from mailserver.queue.pool import Pool
from mailserver.queue.retry import Schedule
from mailserver.queue.upkeep import Upkeep

TOPIC = "queue"
RESCAN_SECONDS = 300.0  # whatever was missed is found within this time
TROUBLE_SECONDS = 1.0  # before the store is asked again after it failed
SOONEST_SECONDS = 0.05
AHEAD = 20  # deliveries claimed for each connection that a destination may have
MOST_CLAIMED = 2000  # in all, waiting for a worker
FORGET_ABOVE = 10_000  # destinations that nothing is going on with

log = structlog.get_logger()


class Claims(Protocol):
    """Who hands out due deliveries."""

    async def lanes(self) -> list[Lane]:
        """Which tenants have due mail to which destinations."""
        ...

    async def claim(self, quotas: Sequence[tuple[Lane, int]]) -> list[Job]:
        """Take at most so many due deliveries of each lane."""
        ...

    async def give_back(self, delivery_ids: Sequence[int]) -> None:
        """Let go of deliveries that were not tried."""
        ...

    async def postpone(self, domain: str, until: int, reply: str, host: str) -> int:
        """Let everything due for a destination wait."""
        ...

    async def recover(self) -> int:
        """Make due again what this node held when it died."""
        ...

    async def extend(self, delivery_ids: Sequence[int]) -> None:
        """Hold these deliveries for another lease."""
        ...

    async def next_due_at(self) -> int | None:
        """When the next delivery that waits becomes due."""
        ...


class Doorbell(Protocol):
    """A hint that there is something to do."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


@dataclass(slots=True)
class _Destination:
    pace: Pace
    backlog: Backlog = field(default_factory=Backlog)
    workers: set[asyncio.Task[None]] = field(default_factory=set)
    has_more: bool = False  # the last claim left something in the database


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at the same time."""

    connections: int = 100
    connections_per_destination: int = 20
    lease_seconds: float = 900.0
    drain_seconds: float = 15.0


class Runner:
    """Owns every task of the queue."""

    def __init__(
        self,
        claims: Claims,
        attempt: Attempt,
        ledger: Ledger,
        pool: Pool,
        upkeep: Upkeep,
        schedule: Schedule,
        doorbell: Doorbell,
        limits: Limits,
        clock: Callable[[], int],
    ) -> None:
        self._claims = claims
        self._attempt = attempt
        self._ledger = ledger
        self._pool = pool
        self._upkeep = upkeep
        self._schedule = schedule
        self._doorbell = doorbell
        self._limits = limits
        self._clock = clock
        self._destinations: dict[str, _Destination] = {}
        self._held: set[int] = set()  # deliveries under our lease
        self._workers = 0
        self._is_stopping = False

    async def run(self) -> None:
        """Work until told to stop; then finish what is in hand and give the rest back."""
        recovered = await self._claims.recover()
        log.info("queue.runner.started", recovered=recovered)
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self._ledger.run_forever()),
                    group.create_task(self._pool.sweep_forever()),
                    group.create_task(self._upkeep.run_forever()),
                    group.create_task(self._hold_forever()),
                ]
                while not self._is_stopping:
                    await self._doorbell.wait(TOPIC, await self._round(group))
                await self._finish()
                for task in background:
                    task.cancel()
        finally:
            self._pool.close()
            await self._let_go()
        log.info("queue.runner.stopped")

    def stop(self) -> None:
        """Begin no more attempts; `run` returns when those under way are done or out of time."""
        self._is_stopping = True
        self._doorbell.ring(TOPIC)

    async def _round(self, group: asyncio.TaskGroup) -> float:
        """Claim what there is room for and see that somebody works on it; how long to wait before the next round."""
        try:
            due = await self._due()
            quotas = self._share(due)
            if quotas:
                self._take(await self._claims.claim(quotas), quotas)
            next_due_at = await self._claims.next_due_at()
        except errors.Temporary as error:
            log.error("queue.claim.failed", error=error.message)
            return TROUBLE_SECONDS
        for domain, destination in list(self._destinations.items()):
            self._employ(group, destination)
            if len(self._destinations) > FORGET_ABOVE and not (destination.workers or destination.backlog):
                del self._destinations[domain]
        return self._pause(next_due_at)

    async def _due(self) -> dict[str, list[Lane]]:
        """Destinations that can take more just now, with the tenants that have mail for them; oldest first."""
        now = self._clock()
        found: dict[str, list[Lane]] = {}
        for lane in sorted(await self._claims.lanes(), key=lambda lane: lane.due_at):
            destination = self._destination(lane.domain)
            destination.has_more = True
            if not destination.pace.is_resting(now) and self._room(destination) > 0:
                found.setdefault(lane.domain, []).append(lane)
        return found

    def _share(self, due: dict[str, list[Lane]]) -> list[tuple[Lane, int]]:
        """A fair share for each destination, and in it for each tenant."""
        room = MOST_CLAIMED - sum(len(one.backlog) for one in self._destinations.values())
        quotas: list[tuple[Lane, int]] = []
        for waiting, (domain, lanes) in zip(range(len(due), 0, -1), due.items(), strict=True):
            share = min(self._room(self._destination(domain)), -(-room // waiting))
            for tenants_left, lane in zip(range(len(lanes), 0, -1), lanes, strict=True):
                number = -(-share // tenants_left)
                if number > 0 and room > 0:
                    quotas.append((lane, number))
                    share -= number
                    room -= number
        return quotas

    def _take(self, jobs: Sequence[Job], quotas: Sequence[tuple[Lane, int]]) -> None:
        taken: dict[str, int] = {}
        now = self._clock()
        for job in jobs:
            domain = job.deliveries[0].domain
            self._destination(domain).backlog.add(job, now)
            self._held.update(delivery.id for delivery in job.deliveries)
            taken[domain] = taken.get(domain, 0) + len(job.deliveries)
        asked: dict[str, int] = {}
        for lane, number in quotas:
            asked[lane.domain] = asked.get(lane.domain, 0) + number
        for domain, number in asked.items():
            self._destination(domain).has_more = taken.get(domain, 0) >= number

    def _employ(self, group: asyncio.TaskGroup, destination: _Destination) -> None:
        """As many workers as the destination, its backlog and the whole allow."""
        if destination.pace.is_resting(self._clock()):
            return
        wanted = min(destination.pace.limit, len(destination.workers) + len(destination.backlog))
        while len(destination.workers) < wanted and self._workers < self._limits.connections:
            worker = group.create_task(self._work(destination))
            destination.workers.add(worker)
            self._workers += 1
            worker.add_done_callback(functools.partial(self._dismiss, destination))

    def _dismiss(self, destination: _Destination, worker: asyncio.Task[None]) -> None:
        destination.workers.discard(worker)
        self._workers -= 1
        self._doorbell.ring(TOPIC)  # there is room again, and what was put off has a time to be woken for

    async def _work(self, destination: _Destination) -> None:
        """One job after another, until there is none or the destination wants fewer connections."""
        while destination.backlog and not self._is_stopping:
            if len(destination.workers) > destination.pace.limit or destination.pace.is_resting(self._clock()):
                return
            job = destination.backlog.pop()
            outcomes = await self._try(job)
            self._held.difference_update(delivery.id for delivery in job.deliveries)
            await self._learn(job.deliveries[0].domain, destination, outcomes)
            if destination.has_more and len(destination.backlog) == destination.pace.limit * AHEAD // 4:
                self._doorbell.ring(TOPIC)

    async def _try(self, job: Job) -> list[Outcome]:
        try:
            return await self._attempt.make(job)
        except Exception:
            # The root of a worker: one message that we cannot cope with must not stop the others.
            log.exception("queue.attempt.crashed", queue_id=job.message.queue_id)
            await self._attempt.give_up_for_now(job)
            return []

    async def _learn(self, domain: str, destination: _Destination, outcomes: Sequence[Outcome]) -> None:
        refusal = refusal_of_all(outcomes)
        lessons = [refusal] if refusal is not None else outcomes
        needs_rest = [destination.pace.learn(outcome) for outcome in lessons]
        if refusal is not None and any(needs_rest) and not destination.pace.is_resting(self._clock()):
            await self._rest(domain, destination, refusal)

    async def _rest(self, domain: str, destination: _Destination, refusal: Deferred) -> None:
        """Nothing gets through: everything due there waits, and says why."""
        wait_seconds = self._schedule.shortest_seconds(destination.pace.rests + 1)
        until = destination.pace.rest(self._clock(), wait_seconds)
        untried = destination.backlog.clear()
        with suppress(errors.Temporary):  # the leases end by themselves
            if untried:
                await self._claims.give_back(untried)
            number = await self._claims.postpone(domain, until, str(refusal.reply), refusal.host)
            log.warning("queue.destination.rested", domain=domain, until=until, postponed=number)
        self._held.difference_update(untried)
        destination.has_more = False

    async def _hold_forever(self) -> None:
        """Keep the leases of what is worked on."""
        while True:
            await asyncio.sleep(self._limits.lease_seconds / 3)
            if self._held:
                with suppress(errors.Temporary):  # two more tries before the lease ends
                    await self._claims.extend(sorted(self._held))

    async def _finish(self) -> None:
        """Let attempts under way end by themselves, for a while."""
        unfinished = {worker for one in self._destinations.values() for worker in one.workers}
        if unfinished:
            _, unfinished = await asyncio.wait(unfinished, timeout=self._limits.drain_seconds)
        for worker in unfinished:
            log.warning("queue.attempt.abandoned")
            worker.cancel()
        if unfinished:
            await asyncio.wait(unfinished)
        await self._ledger.flush()

    async def _let_go(self) -> None:
        if self._held:
            with suppress(errors.Temporary):
                await asyncio.shield(self._claims.give_back(sorted(self._held)))

    def _destination(self, domain: str) -> _Destination:
        known = self._destinations.get(domain)
        if known is None:
            known = self._destinations[domain] = _Destination(Pace(self._limits.connections_per_destination))
        return known

    def _room(self, destination: _Destination) -> int:
        return destination.pace.limit * AHEAD - destination.backlog.recipients

    def _pause(self, next_due_at: int | None) -> float:
        """Until the next delivery is due or a destination has rested enough."""
        now = self._clock()
        moments = [one.pace.rested_at for one in self._destinations.values() if one.pace.is_resting(now)]
        if next_due_at is not None:
            moments.append(next_due_at)
        if not moments:
            return RESCAN_SECONDS
        return min(max((min(moments) - now) / 1000, SOONEST_SECONDS), RESCAN_SECONDS)
