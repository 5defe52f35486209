"""When the last backup was taken, and what an upgrade has left."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime

from mailserver.entities.health import Finding, Status
from mailserver.services.health.premises import Premises
from mailserver.storage.backups import note
from mailserver.storage.backups.note import Note

OLD_MS = 2 * 86_400_000
_WHY = "Without a backup on another disk, a broken disk is the end of all mail."
_FIX = "mailserver backup DIRECTORY on another disk, every night: docs/backup.md"


class Backups:
    """Reads the note that `mailserver backup` leaves."""

    def __init__(self, premises: Premises, executor: Executor, now: Callable[[], int]) -> None:
        self._data = premises.data_dir
        self._executor = executor
        self._now = now

    async def look(self) -> list[Finding]:
        """Findings about backups and about copies from before upgrades."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._look)

    async def finished(self, path: str, messages: int) -> None:
        """A backup is whole."""
        written = Note(self._now(), path, messages)
        await asyncio.get_running_loop().run_in_executor(self._executor, note.write, self._data, written)

    def _look(self) -> list[Finding]:
        return [self._last(note.read(self._data)), self._upgrades()]

    def _last(self, found: Note | None) -> Finding:
        if found is None:
            return Finding("backup", Status.WARNING, "No backup was taken of this directory.", _WHY, _FIX)
        when = datetime.fromtimestamp(found.finished_at / 1000, UTC)
        detail = f"The last was taken on {when:%Y-%m-%d %H:%M} UTC: {found.path} ({found.messages:,} messages)."
        if self._now() - found.finished_at > OLD_MS:
            return Finding("backup", Status.WARNING, detail, _WHY, _FIX)
        return Finding("backup", Status.OK, detail, _WHY)

    def _upgrades(self) -> Finding:
        why = "They are the way back to an older version, and no backup."
        copies = [path for path in (self._data / "upgrades").glob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in copies) / (1 << 20)
        return Finding(
            "backup.upgrades", Status.OK, f"{len(copies)} copies from before upgrades, {size:,.0f} MiB.", why
        )
