"""Whoever sees to it that there are certificates: one task looks after them all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import structlog

from mailserver.certificates import attempts
from mailserver.certificates.acme.problem import Problem
from mailserver.certificates.attempts import Attempt
from mailserver.certificates.pairs import Pairs
from mailserver.certificates.served import CertificateProblem, Certificates, Shown, Source
from mailserver.entities import errors
from mailserver.services.certification import states, timing
from mailserver.services.certification.enrolment import Enrolment
from mailserver.services.certification.issuing import Issuing, chance
from mailserver.services.certification.names import Names, Wanted
from mailserver.services.certification.next_keys import NextKeys
from mailserver.services.certification.revoking import Revoking
from mailserver.services.certification.states import CertificateState
from mailserver.services.certification.windows import Windows

ROUND_SECONDS = 3600.0  # after which DNS is asked for our names again
SHORTEST_SECONDS = 5.0
TROUBLE_SECONDS = 300.0  # before everything is looked at again after the disk or the store failed
PAUSE_MS = 900_000  # for every other certificate, after a failure that has nothing to do with one name
_OF_A_NAME = ("caa", "connection", "dns", "incorrectResponse", "tls", "unauthorized", "rejectedIdentifier", "compound")
EXPIRING_MS = 14 * 86_400_000
REMINDED_MS = 86_400_000
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Desk:
    """Who deals with the authority; there is none where ACME is off."""

    enrolment: Enrolment
    issuing: Issuing
    windows: Windows
    revoking: Revoking


class Keeper:
    """Obtains, renews and revokes certificates, and says how they stand. `desk` is None where ACME is off."""

    def __init__(
        self,
        hostname: str,
        certificates: Certificates,
        pairs: Pairs,
        desk: Desk | None,
        names: Names,
        domains: Callable[[], Awaitable[Sequence[str]]],
        next_keys: NextKeys,
        now_ms: Callable[[], int],
        random: Callable[[], float] = chance,
    ) -> None:
        self._hostname = hostname
        self._certificates = certificates
        self._pairs = pairs
        self._desk = desk
        self._names = names
        self._domains = domains
        self._next_keys = next_keys
        self._now = now_ms
        self._random = random
        self._wanted: dict[str, Wanted] = {}
        self._reminded_at = 0
        self._paused_until = 0
        self._turn = asyncio.Lock()
        self._bell = asyncio.Event()
        self._stopped = asyncio.Event()
        self._is_running = False

    async def run(self) -> None:
        """Look after everything until told to stop."""
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(self._rounds())
            await self._stopped.wait()
            work.cancel()

    def stop(self) -> None:
        """Stop; what was begun with the authority is gone on with at the next start."""
        self._stopped.set()

    async def state(self) -> list[CertificateState]:
        """How every certificate stands, the host's own first."""
        if not self._certificates.shown:  # nobody serves
            await asyncio.to_thread(self._look_only)
        shown = {one.name: one for one in self._certificates.shown}
        names = [*dict.fromkeys((*shown, *self._wanted))]
        return [await asyncio.to_thread(self._describe, name, shown.get(name)) for name in names]

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Mapping[str, Wanted]]:
        """A block in which nobody else asks the authority; which certificates there should be, by their names."""
        if not self._is_running:
            raise errors.Temporary("No server runs. Start it: it asks for what is due by itself.")
        async with self._turn:
            await self._look()
            try:
                yield self._wanted
            finally:
                self._bell.set()

    async def round(self) -> float:
        """Look at everything once; the seconds until there is something to do again."""
        async with self._turn:
            next_at = []
            if self._desk is not None:
                await self._look()
                for wanted in list(self._wanted.values()):
                    await self.tend(wanted)
                next_at = await self._revoke_the_rest(self._desk)
            self._remind()
            next_at += [await asyncio.to_thread(self._next_at, one) for one in self._wanted.values() if one.names]
        soonest = min(next_at, default=self._now() + int(ROUND_SECONDS * 1000))
        left = max(soonest, self._paused_until) - self._now()
        return min(max(left / 1000, SHORTEST_SECONDS), ROUND_SECONDS)

    async def _rounds(self) -> None:
        self._is_running = True
        try:
            while True:
                try:
                    seconds = await self.round()
                except (OSError, ValueError, errors.Temporary) as error:  # a full disk, a file that is damaged
                    log.error("certificate.round.failed", error=repr(error))
                    seconds = TROUBLE_SECONDS
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._bell.wait()
                self._bell.clear()
        finally:
            self._is_running = False

    async def _look(self) -> None:
        """Find out which certificates there should be."""
        held = {one.name: one.leaf for one in self._certificates.shown if one.source is Source.ACME}
        found = await self._names.wanted(await self._domains(), self._certificates.operator_names(), held)
        for wanted in found:
            before = self._wanted.get(wanted.key)
            for left in wanted.left_out:
                if before is None or left not in before.left_out:
                    log.info("certificate.name.left_out", name=left.name, reason=left.reason)
        self._wanted = {wanted.key: wanted for wanted in found}
        await asyncio.to_thread(self.publish)

    async def tend(
        self, wanted: Wanted, *, force: bool = False, at_once: bool = False, uses_next: bool = False
    ) -> None:
        """Ask for one certificate where it is due. `at_once` does not wait for the time after a failure.

        `uses_next` changes to the next key whatever DNS says.
        """
        if not wanted.names:
            return
        assert self._desk is not None
        await self._desk.windows.ask(wanted.key)
        attempt = await asyncio.to_thread(attempts.load, self._pairs.place(wanted.key))
        pair = await asyncio.to_thread(self._pairs.newest, wanted.key)
        condemned = await asyncio.to_thread(self._desk.revoking.condemned, wanted.key, pair)
        is_leaked = condemned is not None and condemned.is_compromised
        if is_leaked:
            await asyncio.to_thread(self._desk.revoking.ready_successor, wanted.key)
        with_next = pair is None or uses_next or is_leaked or await self._next_keys.is_ripe(wanted.key)
        is_new = pair is None or with_next or condemned is not None or not set(wanted.names) <= set(pair.leaf.names)
        due = self._now() if force or is_new or pair is None else timing.due_at(pair.leaf, attempt)
        free_at = max(attempt.not_before_at, self._paused_until)
        if due <= self._now() and (at_once or free_at <= self._now()):
            await self._attempt(wanted, with_next=with_next)
        elif due > self._now() and attempt.failures:  # a crash came between the new pair and the note of it
            calm = replace(attempt, failures=0, last_error="", not_before_at=0, order="")
            await asyncio.to_thread(attempts.save, self._pairs.place(wanted.key), calm)

    async def _attempt(self, wanted: Wanted, *, with_next: bool) -> None:
        """Ask the authority, and serve what it gives. That it was asked is written down first: a crash waits too."""
        assert self._desk is not None
        place = self._pairs.place(wanted.key)
        attempt = await asyncio.to_thread(attempts.load, place)
        failures = attempt.failures
        attempt = self._failed(attempt, Problem("", "The server ended while it asked the authority"))
        await asyncio.to_thread(attempts.save, place, attempt)
        private = await asyncio.to_thread(self._next_keys.private, wanted.key, with_next=with_next)
        try:
            await self._desk.issuing.run(wanted.key, wanted.names, private, failures)
        except Problem as no:
            begun = await asyncio.to_thread(attempts.load, place)
            attempt = replace(self._failed(replace(begun, failures=failures), no), order=begun.order)
            await asyncio.to_thread(attempts.save, place, attempt)
            if no.type not in _OF_A_NAME:
                self._paused_until = self._now() + PAUSE_MS
            log.warning(
                "certificate.refused", name=wanted.key, names=list(wanted.names), error=str(no),
                failures=attempt.failures, next_attempt_at=attempt.not_before_at,
            )  # fmt: skip
            return
        if with_next:
            await asyncio.to_thread(self._next_keys.drop, wanted.key)
        await asyncio.to_thread(attempts.save, place, Attempt(last_at=self._now()))
        await self._load()
        await asyncio.to_thread(self.publish)
        log.info("certificate.obtained", name=wanted.key, names=list(wanted.names))
        await self._desk.windows.ask(wanted.key)

    def _failed(self, attempt: Attempt, no: Problem) -> Attempt:
        failures = attempt.failures + 1
        wait = timing.wait_ms(
            failures, no.retry_after_seconds, is_limited=no.type == "rateLimited", random=self._random
        )
        return replace(
            attempt, failures=failures, last_at=self._now(), last_error=str(no), not_before_at=self._now() + wait
        )

    def _look_only(self) -> None:
        try:
            self._certificates.look()
        except CertificateProblem as error:
            raise errors.Invalid(str(error)) from error

    async def _load(self) -> None:
        try:
            await asyncio.to_thread(self._certificates.load)
        except CertificateProblem as error:
            log.error("certificate.load.failed", error=str(error))

    async def _revoke_the_rest(self, desk: Desk) -> list[int]:
        """Go on with what is to be revoked; when there is more of that to do."""
        again = []
        for name in await asyncio.to_thread(self._pairs.names):
            await desk.revoking.pursue(name)
            await self.tidy(name)
            again.append(await asyncio.to_thread(desk.revoking.next_at, name))
        return [at for at in again if at is not None]

    async def tidy(self, name: str) -> None:
        """Serve nothing that is revoked for longer than there is something else, or somebody who wants it."""
        assert self._desk is not None
        wanted = self._wanted.get(name)
        is_needed = wanted is not None and (bool(wanted.names) or name == self._hostname)
        if await asyncio.to_thread(self._desk.revoking.tidy, name, is_needed=is_needed):
            await self._load()

    def _next_at(self, wanted: Wanted) -> int:
        """When there is something to do for a certificate. Blocks."""
        attempt = attempts.load(self._pairs.place(wanted.key))
        pair = self._pairs.newest(wanted.key)
        due = attempt.not_before_at
        is_condemned = self._desk is not None and self._desk.revoking.condemned(wanted.key, pair) is not None
        if pair is not None and not is_condemned and set(wanted.names) <= set(pair.leaf.names):
            due = max(due, timing.due_at(pair.leaf, attempt))
        is_asked_about = pair is not None and attempt.ask_at and pair.leaf.not_after_at > self._now()
        return min(due, attempt.ask_at) if is_asked_about else due

    def publish(self) -> None:
        """Have DNS records say what is true now. Blocks."""
        assert self._desk is not None
        self._certificates.read_next_key()
        self._certificates.authorities = self._desk.issuing.authorizations()

    def _describe(self, name: str, shown: Shown | None) -> CertificateState:
        kept = self._pairs.kept(name)
        newest = kept[0] if kept and shown is not None and shown.source is Source.ACME else None
        condemned = self._desk.revoking.condemned(name, newest) if self._desk is not None else None
        earlier = tuple(
            states.Earlier(one.leaf.serial, one.leaf.not_after_at)
            for one in (kept[1:] if newest is not None else kept)
            if one.leaf.not_after_at > self._now()
        )
        attempt = attempts.load(self._pairs.place(name))
        described = states.describe(name, shown, self._wanted.get(name), attempt, self._next_keys.record(name))
        return replace(described, earlier=earlier, revoked_for=condemned.reason.value if condemned else "")

    def _remind(self) -> None:
        """Say once a day which certificates end soon, whoever is to renew them."""
        now = self._now()
        if now - self._reminded_at < REMINDED_MS:
            return
        self._reminded_at = now
        for shown in self._certificates.shown:
            is_dropped = shown.source is Source.ACME and self._desk is not None and shown.name not in self._wanted
            if shown.leaf.not_after_at - now < EXPIRING_MS and not is_dropped:
                days = (shown.leaf.not_after_at - now) // 86_400_000
                log.warning("certificate.expiring", name=shown.name, source=shown.source.value, days=days)
