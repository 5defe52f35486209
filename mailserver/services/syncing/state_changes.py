"""Who listens for changes of mail hears of every new state within a second, whoever made the change (RFC 8620 7).

One reader a process asks for the states of the inboxes that were rung for, whatever the number of those who listen;
every second it asks for others that are listened to, because another process may have written.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

import structlog

from mailserver.entities import errors
from mailserver.storage import changes, ingest, type_states
from mailserver.storage.database import Database

EMAIL, MAILBOX, THREAD = changes.EMAIL, changes.MAILBOX, changes.THREAD
IDENTITY, SUBMISSION = changes.IDENTITY, changes.SUBMISSION
EMAIL_DELIVERY = ingest.EMAIL_DELIVERY
SIEVE_SCRIPT, VACATION_RESPONSE = changes.SIEVE_SCRIPT, changes.VACATION_RESPONSE
NAMES = {
    EMAIL: "Email",
    EMAIL_DELIVERY: "EmailDelivery",
    MAILBOX: "Mailbox",
    THREAD: "Thread",
    IDENTITY: "Identity",
    SUBMISSION: "EmailSubmission",
    SIEVE_SCRIPT: "SieveScript",
    VACATION_RESPONSE: "VacationResponse",
}
_TYPES = {name: kind for kind, name in NAMES.items()}
TOPIC = "inbox:"  # and the id of the inbox
POLL_SECONDS = 1.0
MOST_POLLED = 2_000  # inboxes of one second; where more are listened to, it takes some seconds to ask for all
IDLE_SECONDS = 60.0  # where nobody listens
GATHER_SECONDS = 0.02  # so that changes that come together are read together
PAUSE_SECONDS = 0.25  # between two things that one listener hears
TROUBLE_SECONDS = 1.0  # before the store is asked again after it failed
OFFERED_AT_ONCE = 50  # before others have their turn
log = structlog.get_logger()
States = dict[int, dict[int, int]]  # the newest change of each type, by inbox


class Listener:
    """Somebody who listens, to some types or to all."""

    def __init__(self, types: frozenset[int] | None = None) -> None:
        self.types = types
        self.inbox_ids: frozenset[int] = frozenset()
        self.is_ended = False
        self._present: States = {}
        self._told: States = {}
        self._is_begun = False
        self._rung = asyncio.Event()
        self._heard_at = 0.0

    @property
    def present(self) -> States:
        """The states as far as they are known."""
        return {inbox_id: dict(states) for inbox_id, states in self._present.items()}

    def begin(self, *, is_known: bool) -> None:
        """Hear of what comes; where the present states are not known, of them too."""
        self._is_begun = True
        if is_known:
            self._told = self.present
        self._rung.set()

    def end(self) -> None:
        """Hear of nothing more."""
        self.is_ended = True
        self._rung.set()

    async def next(self, timeout_seconds: float) -> States | None:
        """The states that are new, a few times a second at most; None where there are none in time, or never again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._rung.wait()
        if not self._rung.is_set() or self.is_ended:
            return None
        wait = self._heard_at + PAUSE_SECONDS - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        self._rung.clear()
        if not self._is_begun:
            return None
        new = difference(self._present, self._told)
        if not new:
            return None
        self._told, self._heard_at = self.present, time.monotonic()
        return new

    def offer(self, inbox_id: int, states: Mapping[int, int]) -> None:
        """Take the states of an inbox, if it is still listened to."""
        if inbox_id not in self.inbox_ids:
            return
        known = self._present.setdefault(inbox_id, {})
        is_new = False
        for kind, modseq in states.items():
            if (self.types is None or kind in self.types) and modseq > known.get(kind, 0):
                known[kind] = modseq
                is_new = True
        if is_new:
            self._rung.set()

    def forget(self, inbox_id: int) -> None:
        """Know an inbox no more."""
        self._present.pop(inbox_id, None)
        self._told.pop(inbox_id, None)


def types(names: Iterable[str] | None) -> frozenset[int]:
    """The types of these names, of all where none are named; a name that is not known has no changes to tell of."""
    return frozenset(NAMES if names is None else (_TYPES[name] for name in names if name in _TYPES))


def token(states: States) -> str:
    """A string that changes with any of the states: what a client shows when it comes again."""
    rows = sorted((inbox_id, *sorted(of_inbox.items())) for inbox_id, of_inbox in states.items() if of_inbox)
    return hashlib.blake2b(repr(rows).encode(), digest_size=12).hexdigest()


def difference(present: Mapping[int, Mapping[int, int]], told: Mapping[int, Mapping[int, int]]) -> States:
    """What of the present states was not told."""
    found: States = {}
    for inbox_id, states in present.items():
        known = told.get(inbox_id, {})
        new = {kind: modseq for kind, modseq in states.items() if modseq > known.get(kind, 0)}
        if new:
            found[inbox_id] = new
    return found


class StateChanges:
    """Everybody who listens in this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[int, set[Listener]] = {}
        self._rung: set[int] = set()
        self._unpolled: list[int] = []
        self._woken = asyncio.Event()
        self._is_stopping = False

    def hear(self, topic: str) -> None:
        """Know that an inbox has changed."""
        number = topic.removeprefix(TOPIC)
        if number != topic and int(number) in self._listeners:
            self._rung.add(int(number))
            self._woken.set()

    async def watch(self, listener: Listener, inbox_ids: Iterable[int]) -> None:
        """Let somebody hear of these inboxes, and of no other; their present states are known when this returns."""
        before, listener.inbox_ids = listener.inbox_ids, frozenset(inbox_ids)
        for inbox_id in before - listener.inbox_ids:
            self._drop(listener, inbox_id)
            listener.forget(inbox_id)
        new = listener.inbox_ids - before
        for inbox_id in new:
            self._listeners.setdefault(inbox_id, set()).add(listener)
        if new:
            self._woken.set()  # it may sleep for as long as nobody listens
            for inbox_id, states in (await self._database.read(type_states.of, new)).items():
                listener.offer(inbox_id, states)

    def leave(self, listener: Listener) -> None:
        """Forget somebody."""
        for inbox_id in listener.inbox_ids:
            self._drop(listener, inbox_id)
        listener.inbox_ids = frozenset()

    async def run(self) -> None:
        """Tell of new states until told to stop."""
        polled_at = time.monotonic()
        while not self._is_stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS if self._listeners else IDLE_SECONDS):
                    await self._woken.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._woken.clear()
            rung, self._rung = self._rung, set()
            wanted = rung & self._listeners.keys()
            if time.monotonic() - polled_at >= POLL_SECONDS:
                wanted, polled_at = wanted | self._next_polled(), time.monotonic()
            try:
                found = await self._database.read(type_states.of, wanted) if wanted else {}
            except errors.Temporary as error:
                log.error("syncing.states.failed", error=error.message)
                self._rung |= rung
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            await self._tell(found)

    def stop(self) -> None:
        """Tell nobody anything more."""
        self._is_stopping = True
        self._woken.set()
        for listener in set[Listener]().union(*self._listeners.values()):
            listener.end()

    async def _tell(self, found: States) -> None:
        """Offer states to whoever listens; others have their turn in between."""
        offered = 0
        for inbox_id, states in found.items():
            for listener in tuple(self._listeners.get(inbox_id, ())):
                listener.offer(inbox_id, states)
                offered += 1
                if not offered % OFFERED_AT_ONCE:
                    await asyncio.sleep(0)

    def _next_polled(self) -> set[int]:
        """Those to ask for, whether or not they were rung for."""
        if not self._unpolled:
            self._unpolled = list(self._listeners)
        some, self._unpolled = self._unpolled[:MOST_POLLED], self._unpolled[MOST_POLLED:]
        return set(some)

    def _drop(self, listener: Listener, inbox_id: int) -> None:
        others = self._listeners.get(inbox_id, set())
        others.discard(listener)
        if not others:
            self._listeners.pop(inbox_id, None)
