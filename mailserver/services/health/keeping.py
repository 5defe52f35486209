"""Whether the database is whole, and message files are where their rows say: a sample, `verify` looks at all."""

import asyncio
import secrets
from concurrent.futures import Executor
from pathlib import Path

from mailserver.entities.health import Finding, Status
from mailserver.services.health.premises import Premises
from mailserver.storage import data_directory, files, health
from mailserver.storage.audit import Listed
from mailserver.storage.database import Database, TookTooLong
from mailserver.storage.files import MessageFiles

CHECK_SECONDS = 5.0
LARGE_WAL_BYTES = 256 << 20
PLACES, AT_A_PLACE = 20, 10
_WHY = "What is lost here is somebody's mail."


class Keeping:
    """Looks at what is kept."""

    def __init__(self, premises: Premises, database: Database, message_files: MessageFiles, executor: Executor) -> None:
        self._path = premises.data_dir / data_directory.DATABASE
        self._database = database
        self._files = message_files
        self._executor = executor

    async def database(self) -> list[Finding]:
        """Whether the database is whole, as far as can be seen in a few seconds."""
        fix = "Stop the server and restore a backup: mailserver restore DIRECTORY"
        try:
            answer = await self._database.read(health.quick_check, CHECK_SECONDS)
            found = Finding("database", Status.OK, "It is whole.", _WHY)
            if answer != "ok":
                found = Finding("database", Status.FAILED, f"It is damaged: {answer[:200]}", _WHY, fix)
        except TookTooLong:
            detail = f"It is too large to be checked within {CHECK_SECONDS:.0f} seconds."
            found = Finding("database", Status.SKIPPED, detail, _WHY, "Check it whole: mailserver verify")
        return [found]

    async def size(self) -> list[Finding]:
        """How large the database and its log are."""
        pages = await self._database.read(health.pages)
        log_bytes = await asyncio.get_running_loop().run_in_executor(
            self._executor, _size, self._path.with_name(f"{self._path.name}-wal")
        )
        why = "A write-ahead log that only grows makes every read slower."
        megabytes = pages.page_bytes * pages.pages / (1 << 20)
        detail = (
            f"It has {megabytes:,.0f} MiB, {pages.free / max(pages.pages, 1):.0%} of them empty; "
            f"its log {log_bytes / (1 << 20):,.0f} MiB."
        )
        if log_bytes > LARGE_WAL_BYTES:
            fix = "End programs that keep the database open for long, such as a copy of it; a restart shortens the log."
            return [Finding("database.size", Status.WARNING, detail, why, fix)]
        return [Finding("database.size", Status.OK, detail, why)]

    async def files(self) -> list[Finding]:
        """Whether a sample of message files is there, each as large as it was."""
        bounds = await self._database.read(health.bounds)
        if bounds is None:
            return [Finding("files", Status.OK, "There are no messages yet.", _WHY)]
        low, high = bounds
        starts = [low, *(low + secrets.randbelow(high - low + 1) for _ in range(PLACES - 1))]
        listed = await self._database.read(health.sample, starts, AT_A_PLACE)
        wrong = await asyncio.get_running_loop().run_in_executor(self._executor, self._compare, listed)
        if wrong:
            gone = await self._database.read(health.sample, [each.message_id for each in wrong], 1)
            wrong = [each for each in wrong if each in gone]  # not those that were deleted in between
        if wrong:
            places = ", ".join(files.location(each.inbox_id, each.message_id) for each in wrong[:3])
            return [
                Finding(
                    "files", Status.FAILED, f"{len(wrong)} of {len(listed)} files are missing or damaged: {places}",
                    _WHY, "See what else is: mailserver verify --deep. Put them back from a backup.",
                )
            ]  # fmt: skip
        return [Finding("files", Status.OK, f"{len(listed)} files of a sample are there.", _WHY)]

    def _compare(self, listed: list[Listed]) -> list[Listed]:
        return [
            each for each in listed if self._files.size(files.location(each.inbox_id, each.message_id)) != each.size
        ]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
