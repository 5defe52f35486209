"""Whether the disk has room, and how soon it has written what it promises."""

import asyncio
import os
import tempfile
import time
from concurrent.futures import Executor
from pathlib import Path

from mailserver.entities.health import Finding, Status
from mailserver.services.health.premises import Premises

SYNCS = 5
SLOW_SYNC_SECONDS = 0.1
FEWEST_INODES = 50_000
_WHY_ROOM = "A disk without room takes no more mail: senders are told to come again."
_WHY_SYNC = "Every 250 waits for the disk."
_FIX_ROOM = "Free some space, or move data_dir to a larger disk; `mailserver backup` elsewhere first."


class Disk:
    """Looks at the file system of the data directory."""

    def __init__(self, premises: Premises, executor: Executor) -> None:
        self._directory = premises.data_dir
        self._reserve = premises.reserve_bytes
        self._executor = executor

    async def look(self) -> list[Finding]:
        """Findings about bytes, inodes and syncing."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._look)

    def _look(self) -> list[Finding]:
        try:
            status = os.statvfs(self._directory)
            seconds = _sync_seconds(self._directory)
        except OSError as error:
            return [
                Finding(
                    "disk", Status.FAILED, f"{self._directory} cannot be written: {error.strerror}.", _WHY_ROOM,
                    "Look at the mount, its mode and its owner, and at the kernel's log.",
                )
            ]  # fmt: skip
        return [self._room(status), _inodes(status), _sync(seconds)]

    def _room(self, status: os.statvfs_result) -> Finding:
        free, size = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
        detail = f"{free / (1 << 30):.1f} of {size / (1 << 30):.1f} GiB are free."
        if free < self._reserve:
            return Finding("disk.room", Status.FAILED, f"{detail} No mail is taken.", _WHY_ROOM, _FIX_ROOM)
        if free < max(2 * self._reserve, size // 20):
            return Finding("disk.room", Status.WARNING, detail, _WHY_ROOM, _FIX_ROOM)
        return Finding("disk.room", Status.OK, detail, _WHY_ROOM)


def _inodes(status: os.statvfs_result) -> Finding:
    why = "Each message is a file, and each file needs an inode."
    if not status.f_files:
        return Finding("disk.inodes", Status.OK, "This file system has as many as it needs.", why)
    detail = f"{status.f_favail:,} of {status.f_files:,} inodes are free."
    if status.f_favail < FEWEST_INODES:
        return Finding("disk.inodes", Status.WARNING, detail, why, _FIX_ROOM)
    return Finding("disk.inodes", Status.OK, detail, why)


def _sync(seconds: float) -> Finding:
    detail = f"Writing to the disk takes {seconds * 1000:.1f} ms."
    if seconds > SLOW_SYNC_SECONDS:
        fix = "Use a faster disk, or one whose controller has a battery; look for what else writes to it."
        return Finding("disk.sync", Status.WARNING, detail, _WHY_SYNC, fix)
    return Finding("disk.sync", Status.OK, detail, _WHY_SYNC)


def _sync_seconds(directory: Path) -> float:
    """The middle one of a few times that a small write took to be on the disk."""
    with tempfile.TemporaryFile(dir=directory) as file:
        took = []
        for _ in range(SYNCS):
            file.write(b"\0" * 4096)
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - started)
    return sorted(took)[SYNCS // 2]
