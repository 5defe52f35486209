"""Bring every folder of a source to an inbox: what was there before is not asked for again, what breaks goes on."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from mailserver.entities.moving import Brought, Fate
from mailserver.transfer.source import Dropped, FolderProblem, Session, Source, SourceFolder, Unreachable, Unreadable
from mailserver.transfer.tally import FolderTally, Progress, Tally
from mailserver.transfer.target import Target

BATCH_MESSAGES = 200
BATCH_BYTES = 8 << 20
TRIES = 4  # of a source that breaks off and has brought nothing since
PAUSE_SECONDS = 1.0  # before the second try, twice as long before each further one


class Import:
    """One source into one inbox. `is_again` asks for what was imported once and is there no more."""

    def __init__(
        self, source: Source, target: Target, progress: Progress, sessions: int, *,
        is_again: bool = False, marks_seen: bool = False,
    ) -> None:  # fmt: skip
        self._source = source
        self._target = target
        self._progress = progress
        self._sessions = sessions
        self._is_again = is_again
        self._marks_seen = marks_seen
        self._most_bytes = 0
        self.tally = Tally(target.inbox)

    async def run(self, only: Sequence[str] = ()) -> Tally:
        """All folders, or those that are named; several at once. SourceProblem or TargetRefused where it ends early."""
        self._most_bytes = await self._target.begin()
        found = await self._folders()
        wanted = [each for each in found if not only or each.name in only or each.reference in only]
        for missing in set(only) - {name for each in found for name in (each.name, each.reference)}:
            self.tally.folders.append(FolderTally(missing, problem="The source has no such folder."))
        await self._side_by_side([each for each in wanted if not each.is_everything])
        await self._side_by_side([each for each in wanted if each.is_everything])  # what the others have not brought
        return self.tally

    async def _folders(self) -> list[SourceFolder]:
        for number in range(1, TRIES + 1):
            try:
                return await self._source.folders()
            except Dropped:
                if number == TRIES:
                    raise
                await asyncio.sleep(PAUSE_SECONDS * 2 ** (number - 1))
        return []

    async def _side_by_side(self, wanted: Sequence[SourceFolder]) -> None:
        folders = deque(wanted)
        workers = [asyncio.create_task(self._work(folders)) for _ in range(min(self._sessions, len(folders)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for each in workers:
                each.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, folders: deque[SourceFolder]) -> None:
        session: Session | None = None
        try:
            while folders:
                folder = folders.popleft()
                tally = FolderTally(folder.name)
                self.tally.folders.append(tally)
                session = await self._insist(folder, tally, session)
                self._progress.finished(folder.name)
        finally:
            if session is not None:
                await session.close()

    async def _insist(self, folder: SourceFolder, tally: FolderTally, session: Session | None) -> Session | None:
        """Bring a folder, however often the source breaks off, as long as there is something new each few times."""
        tries, before, seen = 0, -1, set[str]()
        while True:
            try:
                session = session or await self._source.session()
                await self._bring(session, folder, tally, seen)
            except FolderProblem as problem:
                tally.problem = str(problem)
                return session
            except (Dropped, Unreachable) as problem:
                if session is not None:
                    await session.close()
                elif isinstance(problem, Unreachable) and not self.tally.sums["imported"]:
                    raise
                session = None
                sum_now = tally.imported + tally.there
                tries = tries + 1 if sum_now == before else 1
                before = sum_now
                if tries >= TRIES:
                    raise Dropped(f"{problem} That was in the folder {folder.name}.") from problem
                await asyncio.sleep(PAUSE_SECONDS * 2 ** (tries - 1))
            else:
                return session

    async def _bring(self, session: Session, folder: SourceFolder, tally: FolderTally, seen: set[str]) -> None:
        self._progress.total(folder.name, folder.messages)
        batch: list[Brought] = []
        size = 0
        async for keys in session.listed(folder):
            for_names = [key for key in keys if key and not self._is_again]
            known = await self._target.known(for_names) if for_names else set()
            tally.there += len(known - seen)
            self._progress.done(folder.name, len(known - seen))
            seen |= known
            wanted = [key for key in keys if key not in known and (not key or key not in seen)]
            async for each in session.fetched(folder, wanted, self._most_bytes):
                if isinstance(each, Unreadable):
                    self.tally.fail(tally, each.key, each.reason)
                    seen.add(each.key)
                    self._progress.done(folder.name, 1)
                    continue
                if batch and (len(batch) == BATCH_MESSAGES or size + len(each.content) > BATCH_BYTES):
                    await self._store(batch, folder, tally, seen)
                    batch, size = [], 0
                batch.append(self._marked(each))
                size += len(each.content)
        if batch:
            await self._store(batch, folder, tally, seen)

    def _marked(self, brought: Brought) -> Brought:
        if not self._marks_seen or "$seen" in brought.keywords:
            return brought
        return replace(brought, keywords=(*brought.keywords, "$seen"))

    async def _store(self, batch: Sequence[Brought], folder: SourceFolder, tally: FolderTally, seen: set[str]) -> None:
        for brought, received in zip(batch, await self._target.store(batch), strict=True):
            if received.fate is Fate.IMPORTED:
                tally.imported += 1
            elif received.fate is Fate.THERE:
                tally.there += 1
            else:
                self.tally.fail(tally, brought.key or _subject(brought.content), received.reason)
            seen.add(brought.key)
        self._progress.done(folder.name, len(batch))


def _subject(content: bytes) -> str:
    """What a person may find a message by that has no name."""
    return content[:200].split(b"\n\n")[0].split(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n", " | ")[:120]
