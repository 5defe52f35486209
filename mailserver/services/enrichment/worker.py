"""The engine of enrichment: takes work from its line, some inboxes side by side, never two works of one at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.enrichment import Feature, ThreadDigest, Work, WorkKind
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import Label
from mailserver.mail.occasion import Occasion
from mailserver.mail.summary import Turn
from mailserver.services.enrichment import letter as letters
from mailserver.services.enrichment.features import Features
from mailserver.services.enrichment.letter import Letter
from mailserver.services.enrichment.neighbours import Neighbours
from mailserver.services.enrichment.provider import Provider
from mailserver.storage import enrichment, files, inboxes, messages, neighbours, suggestions, summaries
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.files import MessageFiles

POLL_SECONDS = 60.0  # between looks for work that nobody rang for, such as what a crash left
RETRY_SECONDS = 5.0
LEASE_MS = 180_000  # after which work that came to no end is due again: longer than any model may take
WORK_SECONDS = 150.0
SIDE_BY_SIDE = 4
MOST_ATTEMPTS = 3
FIRST_TURNS, LAST_TURNS = 3, 40
log = structlog.get_logger()


class Bell(Protocol):
    """Tells that work waits."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


class Worker:
    """Reads mail that was stored, and writes down what was found out. Run it as a task."""

    def __init__(
        self, database: Database, message_files: MessageFiles, executor: Executor, features: Features,
        provider: Provider, known: Neighbours, bell: Bell, clock: Callable[[], int],
    ) -> None:  # fmt: skip
        self._database = database
        self._files = message_files
        self._executor = executor
        self._features = features
        self._provider = provider
        self._neighbours = known
        self._bell = bell
        self._clock = clock
        self._busy: set[int] = set()
        self._last = -1
        self._is_stopped = False

    async def run(self) -> None:
        """Work until told to stop; what is in hand then is let go, and due again when its lease has run out."""
        in_hand: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            while not self._is_stopped:
                try:
                    work = await self._claim() if len(self._busy) < SIDE_BY_SIDE else None
                except errors.Temporary as error:
                    log.warning("enrichment.claim.failed", error=error.message)
                    await self._bell.wait(enrichment.WORK, RETRY_SECONDS)
                    continue
                if work is not None:
                    self._busy.add(work.inbox_id)
                    task = tasks.create_task(self._take(work))
                    in_hand.add(task)
                    task.add_done_callback(in_hand.discard)
                elif not self._is_stopped:
                    await self._bell.wait(enrichment.WORK, POLL_SECONDS)
            for task in in_hand:
                task.cancel()

    def stop(self) -> None:
        """Take no more."""
        self._is_stopped = True
        self._bell.ring(enrichment.WORK)

    async def once(self) -> int:
        """Do everything that waits, one after the other; how much that was."""
        count = 0
        while (work := await self._claim()) is not None:
            self._busy.add(work.inbox_id)
            await self._take(work)
            count += 1
        return count

    async def _claim(self) -> Work | None:
        now, busy = self._clock(), tuple(self._busy)
        if not await self._database.read(enrichment.is_waiting, now, busy):
            return None
        work = await self._database.write(enrichment.claim, self._last, now, now + LEASE_MS, busy)
        if work is not None:
            self._last = work.inbox_id
        return work

    async def _take(self, work: Work) -> None:
        """Do one work. Whatever happens to it stops nothing else."""
        try:
            async with asyncio.timeout(WORK_SECONDS):
                await self._do(work)
        except errors.Temporary as error:
            log.warning("enrichment.work.failed", **_named(work), error=error.message)
        except TimeoutError:
            log.warning("enrichment.work.failed", **_named(work), error="It took too long.")
        except Exception:  # a message that cannot be read must not stand in the way of all others
            log.exception("enrichment.work.failed", **_named(work))
        finally:
            self._busy.discard(work.inbox_id)
            self._bell.ring(enrichment.WORK)

    async def _do(self, work: Work) -> None:
        inbox = await self._database.read(inboxes.get, work.inbox_id)
        features = await self._features.of(work.inbox_id)
        if inbox is None or work.attempts > MOST_ATTEMPTS:
            log.warning("enrichment.work.dropped", **_named(work), attempts=work.attempts)
            await self._database.write(enrichment.settle, work)
        elif work.kind is WorkKind.MESSAGE:
            await self._message(work, inbox, features)
        else:
            await self._thread(work, features)

    # -- a message ----------------------------------------------------------------------------------------------

    async def _message(self, work: Work, inbox: Inbox, features: frozenset[Feature]) -> None:
        wants_labels = Feature.LABEL_SUGGEST in features
        wants_event = Feature.CALENDAR_SUGGEST in features
        found = await self._read(work.inbox_id, work.object_id)
        received_at = await self._database.read(_received_at, work.object_id)
        if found is None or received_at is None or not (wants_labels or wants_event):
            await self._database.write(enrichment.settle, work)
            return
        labels = await self._database.read(neighbours.usable, inbox.tenant_id) if wants_labels else []
        written = datetime.fromtimestamp(received_at / 1000, _zone(inbox.default_timezone))
        findings = await self._provider.examine(inbox.id, found, written, labels, wants_event=wants_event)
        fitting = findings.labels
        if wants_labels and fitting is None:
            fitting = await self._neighbours.suggest(inbox, work.object_id, found.words)
        await self._database.write(self._suggest, work, labels, fitting or {}, findings.occasion)

    def _suggest(
        self, tx: Transaction, work: Work, labels: list[Label], fitting: dict[int, float], occasion: Occasion | None
    ) -> None:
        if not enrichment.settle(tx, work):
            return
        now = self._clock()
        usable = {label.id for label in labels}
        chosen = {label_id: value for label_id, value in fitting.items() if label_id in usable}
        suggestions.put_labels(tx, work.object_id, work.inbox_id, chosen, now)
        suggestions.put_event(tx, work.object_id, work.inbox_id, occasion, now)
        log.info("enrichment.message.read", **_named(work), labels=len(chosen), has_event=occasion is not None)

    # -- a thread -----------------------------------------------------------------------------------------------

    async def _thread(self, work: Work, features: frozenset[Feature]) -> None:
        state, subject, members = await self._database.read(_conversation, work.object_id)
        if state is None or Feature.THREAD_SUMMARY not in features:
            await self._database.write(enrichment.settle, work)
            return
        found = [each for number in members if (each := await self._read(work.inbox_id, number)) is not None]
        turns = [Turn(each.author, each.to, each.text) for each in found]
        digest = await self._provider.summarise(work.inbox_id, subject, turns)
        kept = ThreadDigest(digest, *state, self._clock())
        await self._database.write(_keep, work, kept)
        log.info("enrichment.thread.read", **_named(work), messages=len(turns))

    async def _read(self, inbox_id: int, message_id: int) -> Letter | None:
        """A message's beginning; None where its file is gone."""
        place = self._files.path(files.location(inbox_id, message_id))

        def read() -> Letter | None:
            try:
                with place.open("rb") as stream:
                    return letters.read(stream.read(letters.MAX_BYTES))
            except FileNotFoundError:
                return None
            except OSError as error:
                raise errors.StoreUnavailable from error

        return await asyncio.get_running_loop().run_in_executor(self._executor, read)


def _received_at(snapshot: Snapshot, message_id: int) -> int | None:
    found = messages.summaries(snapshot, [message_id])
    return found[0].received_at if found else None


def _conversation(snapshot: Snapshot, thread_id: int) -> tuple[tuple[int, int] | None, str, list[int]]:
    """How far a thread is, its subject, and the messages that are read, from one snapshot."""
    members = summaries.members(snapshot, thread_id, FIRST_TURNS, LAST_TURNS)
    found = messages.summaries(snapshot, members[:1])
    return summaries.state(snapshot, thread_id), found[0].subject if found else "", members


def _keep(tx: Transaction, work: Work, kept: ThreadDigest) -> None:
    if enrichment.settle(tx, work):
        summaries.put(tx, work.object_id, work.inbox_id, kept)


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _named(work: Work) -> dict[str, str]:
    kind = Kind.MESSAGE if work.kind is WorkKind.MESSAGE else Kind.THREAD
    return {f"{work.kind.value}_id": identifiers.encode(kind, work.object_id)}
