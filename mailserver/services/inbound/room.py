"""Whether the disk can take more mail, looked at once a second."""

import asyncio
from concurrent.futures import Executor

import structlog

from mailserver.storage.files import MessageFiles
from mailserver.storage.journal import Journal

LOOK_SECONDS = 1.0
FEWEST_INODES = 10_000
log = structlog.get_logger()


class DiskRoom:
    """Free bytes and inodes of the mail directory, and the journal's health."""

    def __init__(self, journal: Journal, message_files: MessageFiles, executor: Executor, reserve_bytes: int) -> None:
        self._journal = journal
        self._files = message_files
        self._executor = executor
        self._reserve = reserve_bytes
        self._enough = True
        self.free_bytes = 0

    @property
    def is_there(self) -> bool:
        """Whether another message can be accepted."""
        return self._enough

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once; a disk that does not say how full it is takes no mail, and reading goes on."""
        try:
            self.free_bytes, inodes = await asyncio.get_running_loop().run_in_executor(self._executor, self._files.free)
        except OSError as error:
            log.error("storage.room.unknown", error=str(error))
            self._enough = False
            return
        enough = self.free_bytes >= self._reserve and (inodes >= FEWEST_INODES or inodes == 0)
        if enough != self._enough:
            log.warning("storage.room.changed", enough=enough, free_bytes=self.free_bytes, free_inodes=inodes)
        self._enough = enough
