"""The table of periodic jobs: name, cadence, service call. Each is one call that may be repeated at any time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from mailserver.services.registry import Services

MINUTE = 60
HOUR = 3600
log = structlog.get_logger()


@asynccontextmanager
async def running(services: Services) -> AsyncIterator[None]:
    """Run the jobs while the block runs. Nothing that must finish is a job: a stop cancels them."""
    scheduler = AsyncIOScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": HOUR}
    )
    table: list[tuple[str, int, Callable[[], Awaitable[Any]]]] = [
        ("sweep files", HOUR, services.integrity.sweep),
        ("forget old answers", HOUR, services.sending.forget),
        ("let go of what was kept long enough", MINUTE, services.retention.sweep),
        ("refresh MTA-STS policies", HOUR, services.sts.refresh),
        ("change signing keys", HOUR, services.rotation.advance),
        ("tell of forwards that were stopped", MINUTE, services.forward_upkeep.tell),
        ("forget who was answered", HOUR, services.sieve.absences.forget),
        ("forget rewritten senders", 6 * HOUR, services.forward_upkeep.forget),
        ("trim the queue's history", 6 * HOUR, services.queue.trim),
        ("empty Trash and Junk", HOUR, services.emptying.sweep),
        ("remove closed inboxes and mail past its time", MINUTE, services.inbox_keeping.sweep),
        ("forget logins that have run out", HOUR, services.sessions.expire),
        ("look how much there is of everything", 10 * MINUTE, services.notify.metering.look),
        ("tell of anniversaries", 10 * MINUTE, services.anniversaries.tell),
        ("read reports", MINUTE, services.reporting.reading.run),
        ("send reports", 15 * MINUTE, services.reporting.daily.run),
        ("forget old reports", 6 * HOUR, services.reporting.daily.trim),
    ]
    if services.content_filter is not None:
        table.append(("forget the greylist's old rows", HOUR, services.content_filter.sweep))
    for name, seconds, call in table:
        scheduler.add_job(_logged(name, call), "interval", seconds=seconds, jitter=seconds // 10, id=name)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def _logged(name: str, call: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        try:
            result = await call()
        except Exception:
            log.exception("jobs.run.failed", job=name)
        else:
            # Most runs find nothing to do, every minute of the day: nobody looks for these.
            (log.info if result else log.debug)("jobs.run.finished", job=name, result=result)

    return run
