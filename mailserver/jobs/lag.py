"""How long the event loop keeps what is due waiting, measured by its own oversleep."""

import asyncio
import time

from prometheus_client import CollectorRegistry, Gauge, Histogram

TICK_SECONDS = 0.01
WINDOW_SECONDS = 60.0
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class LoopLag:
    """Wakes up again and again and notes how much too late. One for the process; run it as a task.

    The longest is that of the minute under way and the one before it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "mailserver_event_loop_lag_seconds", "How late the event loop wakes up.", buckets=_BOUNDS, registry=registry
        )
        self._longest = 0.0
        self._longest_before = 0.0
        gauge = Gauge(
            "mailserver_event_loop_longest_lag_seconds", "The longest lag of the last minute.", registry=registry
        )
        gauge.set_function(lambda: max(self._longest, self._longest_before))

    async def run(self) -> None:
        """Measure until cancelled."""
        window_ends_at = time.monotonic() + WINDOW_SECONDS
        while True:
            due_at = time.monotonic() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            lag = max(0.0, now - due_at)
            self._seconds.observe(lag)
            self._longest = max(self._longest, lag)
            if now >= window_ends_at:
                self._longest_before, self._longest = self._longest, 0.0
                window_ends_at = now + WINDOW_SECONDS
