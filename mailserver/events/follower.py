"""Follow the feed: hand events out as soon as they are committed."""

import asyncio
from typing import Protocol

import structlog

from mailserver.entities import errors

TOPIC = "events"
POLL_SECONDS = 5.0  # whatever a ring was lost for is found within this time
TROUBLE_SECONDS = 1.0  # before the store is asked again after it failed
CRASHED_SECONDS = 10.0  # before it is tried again: the same mistake will be met
log = structlog.get_logger()


class Fanout(Protocol):
    """Who hands events out."""

    async def step(self) -> int:
        """Hand out some events; 0 where nothing waits."""
        ...


class Doorbell(Protocol):
    """A hint that there is something to do."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


class Follower:
    """Owns the loop that empties the feed."""

    def __init__(self, fanout: Fanout, doorbell: Doorbell) -> None:
        self._fanout = fanout
        self._doorbell = doorbell
        self._is_stopping = False

    async def run(self) -> None:
        """Work until told to stop; what is left stays in the feed."""
        while not self._is_stopping:
            try:
                handed_out = await self._fanout.step()
            except errors.Temporary as error:
                log.error("events.feed.failed", error=error.message)
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            except Exception:  # the root of the feed: a subscriber's mistake must not stop the mail
                log.exception("events.feed.crashed")
                await asyncio.sleep(CRASHED_SECONDS)
                continue
            if not handed_out:
                await self._doorbell.wait(TOPIC, POLL_SECONDS)

    def stop(self) -> None:
        """Hand out no more."""
        self._is_stopping = True
        self._doorbell.ring(TOPIC)
