"""What is kept for how long: the one table of promises, and the sweeper that keeps them."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that goes by itself after a time. Whoever shows it keeps to that time, be the sweeper late or not."""

    what: str
    kept_ms: int
    every_seconds: int
    expire: Callable[[], Awaitable[int]]  # deletes what is past its time; how many. May be called at any time


class Retention:
    """One for the process; called every minute, it does what is due."""

    def __init__(self, promises: Sequence[Promise], clock: Callable[[], float] = time.monotonic) -> None:
        self.promises = tuple(promises)
        self._clock = clock
        self._due: dict[str, float] = {}

    async def sweep(self) -> dict[str, int]:
        """Delete what is past its time; how many of each. One that fails does not keep the others from theirs."""
        gone: dict[str, int] = {}
        for promise in self.promises:
            now = self._clock()
            if self._due.get(promise.what, now) > now:
                continue
            try:
                number = await promise.expire()
            except Exception:
                log.exception("retention.sweep.failed", what=promise.what)
                continue
            self._due[promise.what] = now + promise.every_seconds
            if number:
                gone[promise.what] = number
        return gone
