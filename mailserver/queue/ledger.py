"""Outcomes on their way to the disk: many workers' in one transaction, and never many at stake."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from mailserver.entities import errors
from mailserver.services.outbound.outcomes import Told

AT_STAKE = 20  # outcomes known and not yet on the disk: a crash now sends these messages again
AGAIN_SECONDS = 1.0  # when the store cannot write

log = structlog.get_logger()


class Recorder(Protocol):
    """Whoever writes outcomes down."""

    async def tell(self, told: Sequence[Told]) -> None:
        """Record the outcomes; on the disk when this returns."""
        ...


class Ledger:
    """Gathers what workers tell while the last transaction is being written."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._waiting: list[Told] = []
        self._writing = 0
        self._bell = asyncio.Event()
        self._progress = asyncio.Event()

    async def record(self, told: Sequence[Told]) -> None:
        """Hand outcomes in; return once so few are not on the disk that the next message may be sent."""
        self._waiting.extend(told)
        self._bell.set()
        await self._until(AT_STAKE)

    async def flush(self) -> None:
        """Return once everything told is on the disk."""
        await self._until(0)

    async def run_forever(self) -> None:
        """Write what was told, until the store takes it: the message has gone and cannot be recalled."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            batch, self._waiting = self._waiting, []
            self._writing = len(batch)
            await self._write(batch)
            self._writing = 0
            self._progress.set()

    async def _until(self, most: int) -> None:
        while len(self._waiting) + self._writing > most:
            self._progress.clear()
            await self._progress.wait()

    async def _write(self, told: list[Told]) -> None:
        while told:
            try:
                await self._recorder.tell(told)
            except errors.Temporary as error:
                log.error("queue.outcomes.unwritten", outcomes=len(told), error=error.message)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return
