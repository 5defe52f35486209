"""Work off the lines of webhooks: one after another within a line, many lines side by side.

Everything that waits stands in the database; this holds only the lines that it works on now, under leases. A line
whose receiver fails waits as a whole, and no other one waits for it: lines that fail have at most half of the workers,
and no host and no tenant has all.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.figures import Figures
from mailserver.entities.identifiers import Kind
from mailserver.entities.webhook import Due, Endpoint, WebhookDelivery
from mailserver.services.notify.lines import Batch
from mailserver.services.notify.posting import Tried

TOPIC = "webhooks"
RESCAN_SECONDS = 60.0  # whatever was missed is found within this time
TROUBLE_SECONDS = 1.0  # before the store is asked again after it failed
SOONEST_SECONDS = 0.05
TURN_SECONDS = 5.0  # after which a line that has more lets others go first
AT_STAKE_SECONDS = 0.5  # deliveries of this time are made again after a crash
DRAIN_SECONDS = 12.0  # for tries under way when the server stops: longer than one of them takes
LOOKED_AT = 500

log = structlog.get_logger()


class Lines(Protocol):
    """Who hands out lines."""

    async def recover(self) -> int:
        """Let go of what this node held when it died."""
        ...

    async def due(self, limit: int) -> list[Due]:
        """Lines with something due that nobody works on."""
        ...

    async def next_due_at(self) -> int | None:
        """When the next line is due."""
        ...

    async def claim(self, endpoint_ids: Sequence[int]) -> list[Endpoint]:
        """Hold these lines."""
        ...

    async def first(self, endpoint_id: int) -> Batch | None:
        """The first of a line."""
        ...

    async def record(self, endpoint: Endpoint, tried: Sequence[tuple[WebhookDelivery, Tried]], *, keep: bool) -> bool:
        """Write what became of tries; whether the line may go on."""
        ...


class Posting(Protocol):
    """Who makes one try."""

    async def post(self, endpoint: Endpoint, delivery_id: int, body: str) -> Tried:
        """Post a body, signed."""
        ...


class Doorbell(Protocol):
    """A hint that there is something to do."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at the same time."""

    lines: int = 128
    failing_lines: int = 64
    lines_per_host: int = 24
    lines_per_tenant: int = 64


class Dispatcher:
    """Owns every task of the webhooks."""

    def __init__(
        self,
        lines: Lines,
        posting: Posting,
        doorbell: Doorbell,
        limits: Limits,
        clock: Callable[[], int],
        figures: Figures,
    ) -> None:
        self._lines = lines
        self._posting = posting
        self._doorbell = doorbell
        self._limits = limits
        self._clock = clock
        self._figures = figures
        self._workers: dict[asyncio.Task[None], Due] = {}
        self._is_stopping = False

    async def run(self) -> None:
        """Work until told to stop; then finish the tries that are under way."""
        await self._recover()
        async with asyncio.TaskGroup() as group:
            while not self._is_stopping:
                await self._doorbell.wait(TOPIC, await self._round(group))
            unfinished = set(self._workers)
            if unfinished:
                _, unfinished = await asyncio.wait(unfinished, timeout=DRAIN_SECONDS)
            for worker in unfinished:
                log.warning("events.webhook.abandoned")
                worker.cancel()

    def stop(self) -> None:
        """Begin no more tries."""
        self._is_stopping = True
        self._doorbell.ring(TOPIC)

    async def _recover(self) -> None:
        with suppress(errors.Temporary):  # the leases end by themselves
            log.info("events.dispatcher.started", recovered=await self._lines.recover())

    async def _round(self, group: asyncio.TaskGroup) -> float:
        """Begin to work on lines that are due; how long to wait before the next round."""
        try:
            chosen = self._choose(await self._lines.due(LOOKED_AT))
            if chosen:
                for endpoint in await self._lines.claim(list(chosen)):
                    worker = group.create_task(self._work(endpoint))
                    self._workers[worker] = chosen[endpoint.id]
                    worker.add_done_callback(self._dismiss)
            next_due_at = await self._lines.next_due_at()
        except errors.Temporary as error:
            log.error("events.webhook.claim.failed", error=error.message)
            return TROUBLE_SECONDS
        except Exception:  # the root of the dispatcher: a mistake about webhooks must not stop the mail
            log.exception("events.webhook.round.crashed")
            return RESCAN_SECONDS
        if next_due_at is None:
            return RESCAN_SECONDS
        return min(max((next_due_at - self._clock()) / 1000, SOONEST_SECONDS), RESCAN_SECONDS)

    def _choose(self, due: Sequence[Due]) -> dict[int, Due]:
        """As many as there are workers for, hosts and tenants with a bound of their own."""
        busy = list(self._workers.values())
        hosts, tenants = Counter(one.host for one in busy), Counter(one.tenant_id for one in busy)
        failing, limits, chosen = sum(one.is_failing for one in busy), self._limits, dict[int, Due]()
        for one in due:
            if len(busy) + len(chosen) >= limits.lines:
                break
            if hosts[one.host] >= limits.lines_per_host or tenants[one.tenant_id] >= limits.lines_per_tenant:
                continue
            if one.is_failing and failing >= limits.failing_lines:
                continue
            hosts[one.host] += 1
            tenants[one.tenant_id] += 1
            failing += one.is_failing
            chosen[one.endpoint_id] = one
        return chosen

    def _dismiss(self, worker: asyncio.Task[None]) -> None:
        del self._workers[worker]
        self._doorbell.ring(TOPIC)  # there is room again

    async def _work(self, endpoint: Endpoint) -> None:
        """Deliver from the front of a line until it is empty, fails, or has had its turn."""
        turn_ends = time.monotonic() + TURN_SECONDS
        try:
            while (batch := await self._lines.first(endpoint.id)) is not None:
                tried = await self._deliver(batch)
                keep = time.monotonic() < turn_ends and not self._is_stopping
                if not await self._written(batch.endpoint, tried, keep=keep):
                    return
            await self._written(endpoint, [], keep=False)
        except errors.Temporary as error:
            log.error("events.webhook.line.failed", webhook_id=endpoint.id, error=error.message)
        except Exception:  # the root of a worker: one line that we cannot cope with must not stop the others
            log.exception("events.webhook.crashed", webhook_id=endpoint.id)

    async def _deliver(self, batch: Batch) -> list[tuple[WebhookDelivery, Tried]]:
        """One after another, until one fails or enough is at stake."""
        tried: list[tuple[WebhookDelivery, Tried]] = []
        started = time.monotonic()
        for delivery in batch.deliveries:
            outcome = await self._posting.post(batch.endpoint, delivery.id, delivery.body)
            tried.append((delivery, outcome))
            self._figures.webhooks[(_result(outcome),)] += 1
            if not outcome.is_delivered:
                log.info(
                    "events.webhook.failed", delivery_id=identifiers.encode(Kind.WEBHOOK_DELIVERY, delivery.id),
                    webhook_id=batch.endpoint.id,
                    status=outcome.status, attempt=delivery.attempts + 1,
                )  # fmt: skip
            if not outcome.is_delivered or self._is_stopping or time.monotonic() - started > AT_STAKE_SECONDS:
                break
        return tried

    async def _written(self, endpoint: Endpoint, tried: Sequence[tuple[WebhookDelivery, Tried]], *, keep: bool) -> bool:
        """Write until the store takes it: what was delivered cannot be recalled."""
        while True:
            try:
                return await self._lines.record(endpoint, tried, keep=keep)
            except errors.Temporary as error:
                if self._is_stopping:
                    raise
                log.error("events.webhook.unwritten", deliveries=len(tried), error=error.message)
                await asyncio.sleep(TROUBLE_SECONDS)


def _result(tried: Tried) -> str:
    if tried.is_delivered:
        return "delivered"
    if tried.status is None:
        return "unanswered"
    return "gone" if tried.is_gone else f"{tried.status // 100}xx"
