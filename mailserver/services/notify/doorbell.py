"""In-process hint that something changed; the truth stays in the database, so a lost ring costs a poll interval."""

import asyncio
from contextlib import suppress


class Doorbell:
    """Topics to ring and to wait for, on one event loop."""

    def __init__(self) -> None:
        self._rung: dict[str, asyncio.Event] = {}

    def ring(self, topic: str) -> None:
        """Wake whoever waits for this topic, now or at its next wait."""
        self._bell(topic).set()

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring; False where the time ran out first. One waiter a topic."""
        bell = self._bell(topic)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await bell.wait()
        rung = bell.is_set()
        bell.clear()
        return rung

    def _bell(self, topic: str) -> asyncio.Event:
        bell = self._rung.get(topic)
        if bell is None:
            bell = self._rung[topic] = asyncio.Event()
        return bell
