"""Learn from what people move to Junk and out of it: one worker, away from the event loop, never twice the same."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind
from mailserver.mail import sample, tokens
from mailserver.storage import bayes, files
from mailserver.storage.bayes import Lesson
from mailserver.storage.database import Database
from mailserver.storage.files import MessageFiles

POLL_SECONDS = 60.0  # between looks for lessons that nobody rang for, such as those of another node or a crash
RETRY_SECONDS = 5.0
MOST_AT_ONCE = 50
LEFT_MS = 3_600_000  # that a message lies where it is before it counts as wanted unread
log = structlog.get_logger()


class Bell(Protocol):
    """Tells that lessons wait."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


class Lessons:
    """Reads the files of messages that were judged, and counts their words. Run it as a task."""

    def __init__(
        self, database: Database, message_files: MessageFiles, executor: Executor, bell: Bell, clock: Callable[[], int]
    ) -> None:
        self._database = database
        self._files = message_files
        self._executor = executor
        self._bell = bell
        self._clock = clock
        self._is_stopped = False

    async def run(self) -> None:
        """Learn whatever waits, then wait for more, until told to stop."""
        while not self._is_stopped:
            try:
                learned = await self.once()
            except errors.Temporary as error:
                log.warning("filter.lessons.failed", error=error.message)
                await self._bell.wait(bayes.TOPIC, RETRY_SECONDS)
                continue
            if not learned and not self._is_stopped:
                await self._bell.wait(bayes.TOPIC, POLL_SECONDS)

    def stop(self) -> None:
        """Stop after the lesson in hand."""
        self._is_stopped = True
        self._bell.ring(bayes.TOPIC)

    async def once(self) -> int:
        """Learn the oldest lessons that wait; how many were dealt with."""
        waiting = await self._database.read(bayes.open_lessons, MOST_AT_ONCE)
        for count, lesson in enumerate(waiting):
            if self._is_stopped:
                return count
            await self._take(lesson)
        return len(waiting)

    async def _take(self, lesson: Lesson) -> None:
        place = files.location(lesson.inbox_id, lesson.message_id)
        name = identifiers.encode(Kind.MESSAGE, lesson.message_id)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._executor, self._tokens, place)
        except FileNotFoundError:
            log.warning("filter.lesson.skipped", message_id=name, reason="its file is gone")
            await self._database.write(bayes.settle, lesson)
            return
        except OSError as error:
            raise errors.StoreUnavailable from error
        except Exception:  # a message that cannot be read must not stand in the way of all others
            log.exception("filter.lesson.skipped", message_id=name)
            await self._database.write(bayes.settle, lesson)
            return
        now = self._clock()
        if await self._database.write(bayes.learn, lesson, found, now):
            log.info("filter.lesson.learned", message_id=name, kind="junk" if lesson.wanted == bayes.SPAM else "wanted")
            if lesson.wanted == bayes.SPAM:
                await self._database.write(bayes.ask_for_wanted, lesson.inbox_id, now - LEFT_MS, now)

    def _tokens(self, place: str) -> tuple[str, ...]:
        with self._files.path(place).open("rb") as stream:
            return tokens.of(sample.read(stream.read(sample.MAX_SAMPLE)))
