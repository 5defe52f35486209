"""Suggest labels by what was confirmed and dismissed for like messages of the same inbox."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from mailserver.entities.inbox import Inbox
from mailserver.services.enrichment import letter, vote
from mailserver.storage import files, neighbours
from mailserver.storage.database import Database, Snapshot
from mailserver.storage.files import MessageFiles

NEAREST = 15
LEARNED_AT_ONCE = 50


class Neighbours:
    """Reads what was taught since the last time, then asks the nearest."""

    def __init__(self, database: Database, message_files: MessageFiles, executor: Executor) -> None:
        self._database = database
        self._files = message_files
        self._executor = executor

    async def suggest(self, inbox: Inbox, message_id: int, words: tuple[str, ...]) -> dict[int, float]:
        """The labels that fit a message of these words, with the confidence of each."""
        given = await self._database.read(neighbours.given, inbox.tenant_id)
        await self._learn(inbox.id, given)
        hashed = neighbours.hashed(inbox.id, words)
        return await self._database.read(_suggest, inbox.id, message_id, hashed, given)

    async def _learn(self, inbox_id: int, given: frozenset[int]) -> None:
        """Put messages with answers into the index. One whose file is gone teaches nothing, and is not read again."""
        for message_id in await self._database.read(neighbours.missing, inbox_id, given, LEARNED_AT_ONCE):
            words = await self._run(lambda number=message_id: self._words(inbox_id, number))  # type: ignore[misc]
            await self._database.write(neighbours.add, inbox_id, message_id, neighbours.hashed(inbox_id, words))

    def _words(self, inbox_id: int, message_id: int) -> tuple[str, ...]:
        try:
            with self._files.path(files.location(inbox_id, message_id)).open("rb") as stream:
                return letter.recognised(stream.read(letter.MAX_BYTES))
        except FileNotFoundError:
            return ()

    async def _run(self, work: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _suggest(
    snapshot: Snapshot, inbox_id: int, message_id: int, words: tuple[str, ...], given: frozenset[int]
) -> dict[int, float]:
    near = neighbours.nearest(snapshot, words, message_id, NEAREST, given)
    every = {word for each in near for word in each.words}.union(words)
    return vote.suggest(
        frozenset(words), near, neighbours.frequencies(snapshot, every), neighbours.count(snapshot, inbox_id)
    )
