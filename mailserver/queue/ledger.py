"""Outcomes on their way to the disk: many workers' in one transaction, and none of them goes on before it is there."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from mailserver.entities import errors
from mailserver.services.outbound.outcomes import Told

AGAIN_SECONDS = 1.0  # when the store cannot write
MOST_TOLD = 500  # of one transaction

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
        self._waiting: list[tuple[Told, asyncio.Future[None]]] = []
        self._bell = asyncio.Event()

    async def record(self, told: Sequence[Told]) -> None:
        """Return once everything told is on the disk, however long the store is away."""
        written: list[asyncio.Future[None]] = []
        for one in told:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((one, future))
            written.append(future)
        self._bell.set()
        for future in written:
            await future

    async def run_forever(self) -> None:
        """Write what was told, until the store takes it: the message has gone and cannot be recalled."""
        while True:
            await self._bell.wait()
            batch, self._waiting = self._waiting[:MOST_TOLD], self._waiting[MOST_TOLD:]
            if not self._waiting:
                self._bell.clear()
            if not batch:
                continue
            await self._write([one for one, _ in batch])
            for _, future in batch:
                if not future.done():
                    future.set_result(None)

    async def _write(self, told: list[Told]) -> None:
        while True:
            try:
                await self._recorder.tell(told)
            except errors.Temporary as error:
                log.error("queue.outcomes.unwritten", outcomes=len(told), error=error.message)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return
