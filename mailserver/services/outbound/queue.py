"""What the operator sees of the queue and does to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailserver.entities import errors
from mailserver.entities.delivery import Attempt, Delivery, Job, QueuedMessage, State
from mailserver.storage import deliveries, email_submissions
from mailserver.storage.database import Database, Snapshot, Transaction

OPEN = (State.QUEUED, State.HELD)
KEPT_MS = 30 * 86_400_000  # of finished mail, for the operator's questions and for reports that come late
TRIM_SLICE = 200
TOPIC = "queue"  # what the runner listens for


@dataclass(frozen=True, slots=True)
class Counts:
    """How much waits, and since when."""

    queued: int
    held: int
    oldest_at: int | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A delivery with its message and everything that was tried."""

    message: QueuedMessage
    delivery: Delivery
    attempts: tuple[Attempt, ...]


class Queue:
    """The operator's verbs. Each may be repeated: what is already so stays so."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    async def page(
        self, states: Sequence[State] = OPEN, domain: str | None = None, after_id: int = 0, limit: int = 100
    ) -> list[Job]:
        """Deliveries, oldest first, one job each; `last_reply` says why and `next_attempt_at` when next."""
        return await self._database.read(deliveries.page, states, domain, after_id, limit)

    async def show(self, delivery_id: int) -> Shown:
        """One delivery with its history; NotFound where there is none."""
        return await self._database.read(_show, delivery_id)

    async def of_message(self, message_id: int) -> list[Delivery]:
        """Every recipient of a stored sent message."""
        return await self._database.read(deliveries.of_message, message_id)

    async def counts(self) -> Counts:
        """How much waits, and since when."""
        return await self._database.read(_counts)

    async def retry(self, delivery_ids: Sequence[int]) -> list[int]:
        """Try now what waits; the ids that will be."""
        return await self._database.write(_move, delivery_ids, (State.QUEUED,), State.QUEUED, self._clock())

    async def hold(self, delivery_ids: Sequence[int]) -> list[int]:
        """Keep deliveries from being tried until they are released; an attempt under way is not broken off."""
        return await self._database.write(_move, delivery_ids, (State.QUEUED,), State.HELD, self._clock())

    async def release(self, delivery_ids: Sequence[int]) -> list[int]:
        """Let held deliveries go, now."""
        return await self._database.write(_move, delivery_ids, (State.HELD,), State.QUEUED, self._clock())

    async def drop(self, delivery_ids: Sequence[int]) -> list[int]:
        """Take deliveries out for good, with no report to anybody."""
        return await self._database.write(_drop, delivery_ids, self._clock())

    async def trim(self) -> int:
        """Forget mail that was finished a month ago, with everything that was tried; how many messages."""
        trimmed = 0
        while number := await self._database.write(deliveries.trim, self._clock() - KEPT_MS, TRIM_SLICE):
            trimmed += number
        return trimmed


def _show(snapshot: Snapshot, delivery_id: int) -> Shown:
    job = deliveries.get(snapshot, delivery_id)
    if job is None:
        raise errors.NotFound("There is no such delivery.")
    return Shown(job.message, job.deliveries[0], tuple(deliveries.attempts(snapshot, delivery_id)))


def _counts(snapshot: Snapshot) -> Counts:
    numbers = deliveries.counts(snapshot)
    return Counts(numbers[State.QUEUED], numbers[State.HELD], deliveries.oldest_at(snapshot))


def _move(
    tx: Transaction, delivery_ids: Sequence[int], origins: Sequence[State], state: State, due_at: int
) -> list[int]:
    moved = deliveries.move(tx, delivery_ids, origins, state, due_at)
    if moved and state is State.QUEUED:
        tx.ring(TOPIC)
    return moved


def _drop(tx: Transaction, delivery_ids: Sequence[int], now: int) -> list[int]:
    dropped: list[int] = []
    for job in deliveries.jobs(tx, delivery_ids):
        for delivery in job.deliveries:
            if delivery.state not in OPEN:
                continue
            gone = replace(delivery, state=State.DROPPED, finished_at=now)
            row = (gone.state, now, gone.last_reply or "", gone.last_host or "", gone.tls or "none", gone.id)
            deliveries.finish(tx, [row])
            deliveries.close_in_queued(tx, [gone.queued_id], now)
            email_submissions.told(tx, [gone.queued_id])
            dropped.append(gone.id)
    return dropped
