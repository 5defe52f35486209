"""What waits: mail that is to leave, records that are to be stored, webhooks that fail."""

from collections.abc import Callable

from mailserver.entities.health import Finding, Status
from mailserver.services.outbound.queue import Queue
from mailserver.storage import health
from mailserver.storage.database import Database, TookTooLong
from mailserver.storage.health import Deferred
from mailserver.storage.journal import Journal

VERY_OLD_SECONDS = 24 * 3600
MANY = 10_000
BEHIND_SECONDS = 30.0
MANY_RECORDS = 5_000
LOOK_SECONDS = 3.0
_WHY = "Mail that waits long is missed by somebody."
_LONGEST_REPLY = 160


class Waiting:
    """Looks at the queue, the journal and the webhooks."""

    def __init__(self, database: Database, queue: Queue, journal: Journal, now: Callable[[], int]) -> None:
        self._database = database
        self._queue = queue
        self._journal = journal
        self._now = now

    async def queued(self) -> list[Finding]:
        """How much mail waits, how long, and for whom."""
        counts = await self._queue.counts()
        age = (self._now() - counts.oldest_at) / 1000 if counts.oldest_at else 0.0
        detail = f"{counts.queued:,} deliveries wait and {counts.held:,} are held; the oldest for {_span(age)}."
        fix = "See why: mailserver queue list"
        if age > VERY_OLD_SECONDS or counts.queued > MANY:
            found = [Finding("queue", Status.WARNING, detail, _WHY, fix)]
        else:
            found = [Finding("queue", Status.OK, detail, _WHY)]
        return [*found, *await self._destinations()]

    async def _destinations(self) -> list[Finding]:
        try:
            deferred = await self._database.read(health.deferred, LOOK_SECONDS)
        except TookTooLong:
            return [Finding("queue.deferred", Status.SKIPPED, "The queue is too long to count by destination.", _WHY)]
        return [_put_off(each) for each in deferred]

    async def journal(self) -> list[Finding]:
        """How far storing is behind accepting."""
        why = "What is accepted is only shown to its owner when it is stored."
        if self._journal.is_broken:
            return [
                Finding(
                    "journal", Status.FAILED, "The disk refuses the journal; no mail is taken.", why,
                    "Look at the disk and at the kernel's log; the server goes on by itself once it can write.",
                )
            ]  # fmt: skip
        behind, age = self._journal.backlog, self._journal.oldest_age()
        detail = f"{behind:,} accepted messages are to be stored, the oldest for {age:.1f} seconds."
        if age > BEHIND_SECONDS or behind > MANY_RECORDS:
            fix = "It comes down by itself; where it does not, the disk is too slow or the log says what is wrong."
            return [Finding("journal", Status.WARNING, detail, why, fix)]
        return [Finding("journal", Status.OK, detail, why)]

    async def webhooks(self, tenant_id: int | None) -> list[Finding]:
        """Which webhooks fail: a tenant's own, or everybody's."""
        why = "Applications do not hear of what happened."
        count, some = await self._database.read(health.failing_webhooks, tenant_id)
        if not count:
            return [Finding("webhooks", Status.OK, "No webhook fails.", why)]
        named = "; ".join(
            f"{each.host} "
            + (f"for {_span((self._now() - each.failing_since) / 1000)}" if each.failing_since else "is switched off")
            + f", {each.waiting:,} wait"
            for each in some
        )
        return [
            Finding(
                "webhooks", Status.WARNING, f"{count:,} fail: {named}.", why,
                "Mend the receivers; their log is at GET /v1/webhooks/{webhook_id}/deliveries/.",
            )
        ]  # fmt: skip


def _put_off(one: Deferred) -> Finding:
    said = one.last_reply[:_LONGEST_REPLY] or "no connection"
    fix = f"Read what it says: mailserver queue list --domain {one.domain}"
    return Finding("queue.deferred", Status.WARNING, f"{one.deliveries:,} were put off: {said}", _WHY, fix, one.domain)


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"
