"""Compare rows with files, take away what nobody names, and rebuild what files can tell."""

import asyncio
import hashlib
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from itertools import islice
from typing import Any

import structlog

from mailserver.mail import message as parsing
from mailserver.storage import audit, files
from mailserver.storage.audit import Listed
from mailserver.storage.database import Database
from mailserver.storage.files import MessageFiles

SLICE = 500
ORPHAN_SECONDS = 3600  # older than any write that may still be under way
MOST_NAMED = 20
log = structlog.get_logger()


class Integrity:
    """Checks and repairs of the whole store."""

    def __init__(self, database: Database, message_files: MessageFiles, executor: Executor) -> None:
        self._database = database
        self._files = message_files
        self._executor = executor

    async def verify(self, *, deep: bool = False) -> dict[str, Any]:
        """Look at every message row and file: a row without its file is a loss. `deep` compares checksums too."""
        found: dict[str, Any] = {
            "messages": 0, "missing": 0, "damaged": 0, "orphans": 0, "counters_wrong": 0, "examples": [],
        }  # fmt: skip
        after = 0
        while listed := await self._database.read(audit.messages, after, SLICE):
            after = listed[-1].message_id
            problems = await self._run(self._compare, listed, deep)
            found["messages"] += len(listed)
            for kind, place in problems:
                found[kind] += 1
                if len(found["examples"]) < MOST_NAMED:
                    found["examples"].append(f"{kind}: {place}")
        found["orphans"] = await self._orphans()
        found["counters_wrong"] = await self._database.read(audit.wrong_counters)
        found["database"] = await self._database.read(audit.integrity)
        found["ok"] = (
            not (found["missing"] or found["damaged"] or found["counters_wrong"]) and found["database"] == "ok"
        )
        return found

    async def reindex(self) -> dict[str, Any]:
        """Build the search index again from the files, and correct the counters."""
        await self._database.write(audit.clear_search)
        after = count = 0
        while listed := await self._database.read(audit.messages, after, SLICE // 5):
            after = listed[-1].message_id
            rows = await self._run(self._search_rows, listed)
            await self._database.write(audit.add_search, rows)
            count += len(rows)
        corrected = await self._database.write(audit.correct_counters)
        return {"messages": count, "counters_corrected": corrected}

    async def sweep(self) -> int:
        """Remove the files of deleted messages and of finished mail that nobody keeps; how many.

        Files that no row names are never removed: after a restored backup they are the only copy. `verify` counts them.
        """
        removed = 0
        while places := await self._database.read(audit.removable, SLICE):
            if self._files.is_held:  # looked at behind the read: what a backup may name was deleted after it began
                break
            await self._run(self._remove, places)
            await self._database.write(audit.forget_removed, places)
            removed += len(places)
        return removed

    async def _orphans(self) -> int:
        walk = self._old_files()
        count = 0
        while places := await self._run(_slice, walk):
            known = await self._database.read(audit.named, places)
            count += sum(place not in known for place in places)
        return count

    def _old_files(self) -> Iterator[str]:
        before = time.time() - ORPHAN_SECONDS
        for place in self._files.places():
            try:
                changed = self._files.path(place).stat().st_ctime
            except FileNotFoundError:
                continue
            if changed < before:
                yield place

    def _compare(self, listed: list[Listed], deep: bool) -> list[tuple[str, str]]:  # noqa: FBT001  an executor's call
        problems = []
        for one in listed:
            place = files.location(one.inbox_id, one.message_id)
            size = self._files.size(place)
            if size is None:
                problems.append(("missing", place))
            elif size != one.size or (deep and hashlib.sha256(self._files.read(place)).digest() != one.blob):
                problems.append(("damaged", place))
        return problems

    def _search_rows(self, listed: list[Listed]) -> list[tuple[Any, ...]]:
        rows = []
        for one in listed:
            try:
                parsed = parsing.parse(self._files.read(files.location(one.inbox_id, one.message_id)))
            except FileNotFoundError:
                continue
            rows.append(audit.search_row(one, parsed))
        return rows

    def _remove(self, places: Iterable[str]) -> None:
        for place in places:
            self._files.remove(place)

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


def _slice(walk: Iterator[str]) -> list[str]:
    return list(islice(walk, SLICE))
