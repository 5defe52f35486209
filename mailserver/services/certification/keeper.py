"""Whoever sees to it that there are certificates: one task looks after them all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import structlog

from mailserver.certificates import attempts, keys
from mailserver.certificates.acme.problem import Problem
from mailserver.certificates.attempts import Attempt
from mailserver.certificates.pairs import Pairs
from mailserver.certificates.served import CertificateProblem, Certificates, Shown, Source
from mailserver.entities import errors
from mailserver.mail import tlsa
from mailserver.mail.resolver import LookupFailed, TlsaAnswer
from mailserver.services.certification import states, timing
from mailserver.services.certification.issuing import Issuing, chance
from mailserver.services.certification.names import Names, Wanted
from mailserver.services.certification.states import CertificateState

ROUND_SECONDS = 3600.0  # after which DNS is asked for our names again
SHORTEST_SECONDS = 5.0
TROUBLE_SECONDS = 300.0  # before everything is looked at again after the disk or the store failed
PAUSE_MS = 900_000  # for every other certificate, after a failure that has nothing to do with one name
_OF_A_NAME = ("caa", "connection", "dns", "incorrectResponse", "tls", "unauthorized", "rejectedIdentifier", "compound")
EXPIRING_MS = 14 * 86_400_000
REMINDED_MS = 86_400_000
log = structlog.get_logger()


class Resolver(Protocol):
    """Reads TLSA records; LookupFailed where DNS gave no answer."""

    async def tlsa(self, name: str) -> TlsaAnswer:
        """The records of a name."""
        ...


class Keeper:
    """Obtains and renews certificates, and says how they stand. `issuing` is None where ACME is off."""

    def __init__(
        self,
        hostname: str,
        certificates: Certificates,
        pairs: Pairs,
        issuing: Issuing | None,
        names: Names,
        domains: Callable[[], Awaitable[Sequence[str]]],
        resolver: Resolver,
        now_ms: Callable[[], int],
        random: Callable[[], float] = chance,
    ) -> None:
        self._hostname = hostname
        self._certificates = certificates
        self._pairs = pairs
        self._issuing = issuing
        self._names = names
        self._domains = domains
        self._resolver = resolver
        self._now = now_ms
        self._random = random
        self._wanted: dict[str, Wanted] = {}
        self._reminded_at = 0
        self._paused_until = 0
        self._turn = asyncio.Lock()
        self._bell = asyncio.Event()
        self._stopped = asyncio.Event()
        self._is_running = False

    @property
    def issuing(self) -> Issuing | None:
        """Who asks the authority; None where ACME is off."""
        return self._issuing

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

    async def renew(self, name: str | None, *, force: bool = False, new_key: bool = False) -> list[CertificateState]:
        """Renew what is due, or everything, or one by its name; how these stand then.

        `new_key` readies a key for the next certificate. That of the host, which TLSA records may name, is used once
        they do; `force` uses it at once.
        """
        if self._issuing is None:
            raise errors.Conflict("ACME is off: set acme.enabled, or renew the files that tls.certificate names.")
        if not self._is_running:
            raise errors.Temporary("No server runs. Start it: it asks for what is due by itself.")
        async with self._turn:
            await self._look()
            chosen = [one for one in self._wanted.values() if name in (None, one.key)]
            if name is not None and not chosen:
                raise errors.NotFound(f"There is no certificate {name}; `mailserver cert status` shows their names.")
            for wanted in chosen:
                if new_key:
                    await asyncio.to_thread(self._ready_key, wanted.key)
                    await asyncio.to_thread(self._publish)
                await self._tend(wanted, force=force, at_once=True)
        self._bell.set()
        return [one for one in await self.state() if name in (None, one.name)]

    async def round(self) -> float:
        """Look at everything once; the seconds until there is something to do again."""
        async with self._turn:
            if self._issuing is not None:
                await self._look()
                for wanted in list(self._wanted.values()):
                    await self._tend(wanted)
            self._remind()
            next_at = [await asyncio.to_thread(self._next_at, one) for one in self._wanted.values() if one.names]
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
        await asyncio.to_thread(self._publish)

    async def _tend(self, wanted: Wanted, *, force: bool = False, at_once: bool = False) -> None:
        """Ask for one certificate where it is due. `at_once` does not wait for the time after a failure."""
        if not wanted.names:
            return
        assert self._issuing is not None
        await self._ask_window(wanted.key)
        attempt = await asyncio.to_thread(attempts.load, self._pairs.place(wanted.key))
        pair = await asyncio.to_thread(self._pairs.newest, wanted.key)
        with_next = pair is None or await self._is_ripe(wanted.key, force=force)
        is_new = pair is None or with_next or not set(wanted.names) <= set(pair.leaf.names)
        due = self._now() if force or is_new or pair is None else timing.due_at(pair.leaf, attempt)
        free_at = max(attempt.not_before_at, self._paused_until)
        if due <= self._now() and (at_once or free_at <= self._now()):
            await self._attempt(wanted, with_next=with_next)
        elif due > self._now() and attempt.failures:  # a crash came between the new pair and the note of it
            calm = replace(attempt, failures=0, last_error="", not_before_at=0, order="")
            await asyncio.to_thread(attempts.save, self._pairs.place(wanted.key), calm)

    async def _attempt(self, wanted: Wanted, *, with_next: bool) -> None:
        """Ask the authority, and serve what it gives. That it was asked is written down first: a crash waits too."""
        assert self._issuing is not None
        place = self._pairs.place(wanted.key)
        attempt = await asyncio.to_thread(attempts.load, place)
        failures = attempt.failures
        attempt = self._failed(attempt, Problem("", "The server ended while it asked the authority"))
        await asyncio.to_thread(attempts.save, place, attempt)
        private = await asyncio.to_thread(self._private, wanted.key, with_next=with_next)
        try:
            await self._issuing.run(wanted.key, wanted.names, private, failures)
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
            await asyncio.to_thread(self._pairs.drop_next_key, wanted.key)
        await asyncio.to_thread(attempts.save, place, Attempt(last_at=self._now()))
        await self._load()
        await asyncio.to_thread(self._publish)
        log.info("certificate.obtained", name=wanted.key, names=list(wanted.names))
        await self._ask_window(wanted.key)

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

    async def _ask_window(self, key: str) -> None:
        """Ask the authority when it wants a certificate renewed, as often as it wants to be asked (RFC 9773 4)."""
        assert self._issuing is not None
        place, now = self._pairs.place(key), self._now()
        pair = await asyncio.to_thread(self._pairs.newest, key)
        if pair is None or pair.leaf.renewal_id is None or pair.leaf.not_after_at <= now:
            return
        attempt = await asyncio.to_thread(attempts.load, place)
        if attempt.renewal_id == pair.leaf.renewal_id and attempt.ask_at > now:
            return
        if attempt.renewal_id != pair.leaf.renewal_id:
            attempt = replace(attempt, renewal_id=pair.leaf.renewal_id, window_start_at=0, window_end_at=0, renew_at=0)
        try:
            window, seconds = await self._issuing.window(pair.leaf.renewal_id)
        except Problem as no:
            log.info("certificate.window.unknown", name=key, error=str(no))
            again = now + max(int((no.retry_after_seconds or 0) * 1000), int(ROUND_SECONDS * 1000))
            await asyncio.to_thread(attempts.save, place, replace(attempt, ask_at=again))
            return
        attempt = replace(attempt, ask_at=now + int(seconds * 1000))
        if window is None:
            attempt = replace(attempt, window_start_at=0, window_end_at=0, renew_at=0)
        elif (window.start_at, window.end_at) != (attempt.window_start_at, attempt.window_end_at):
            attempt = replace(
                attempt, window_start_at=window.start_at, window_end_at=window.end_at,
                renew_at=window.pick(self._random),
            )  # fmt: skip
        await asyncio.to_thread(attempts.save, place, attempt)

    def _next_at(self, wanted: Wanted) -> int:
        """When there is something to do for a certificate. Blocks."""
        attempt = attempts.load(self._pairs.place(wanted.key))
        pair = self._pairs.newest(wanted.key)
        due = attempt.not_before_at
        if pair is not None and set(wanted.names) <= set(pair.leaf.names):
            due = max(due, timing.due_at(pair.leaf, attempt))
        is_asked_about = pair is not None and attempt.ask_at and pair.leaf.not_after_at > self._now()
        return min(due, attempt.ask_at) if is_asked_about else due

    def _private(self, key: str, *, with_next: bool) -> bytes:
        """The key to be certified; the first one is the self-signed certificate's, which TLSA records know. Blocks."""
        current = None if with_next else self._pairs.key(key)
        if current is not None:
            return current
        ready = self._pairs.next_key(key)
        if ready is None:
            ready = (self._certificates.self_signed_key() if key == self._hostname else None) or keys.make()
            self._pairs.keep_next_key(key, ready)
        return ready

    def _ready_key(self, key: str) -> None:
        if self._pairs.next_key(key) is None:
            self._pairs.keep_next_key(key, keys.make())

    async def _is_ripe(self, key: str, *, force: bool) -> bool:
        """Whether there is a next key, and nobody's TLSA records would be wrong with it."""
        ready = await asyncio.to_thread(self._pairs.next_key, key)
        if ready is None:
            return False
        current = await asyncio.to_thread(self._pairs.newest, key)
        if current is not None and current.leaf.public_key == keys.public(ready):  # a crash left it behind
            await asyncio.to_thread(self._pairs.drop_next_key, key)
            return False
        if force or key != self._hostname:
            return True
        try:
            found = await self._resolver.tlsa(_tlsa_name(self._hostname))
        except LookupFailed:
            return False
        if not found.records:
            return True
        place = self._pairs.place(key)
        attempt = await asyncio.to_thread(attempts.load, place)
        is_there = tlsa.of_key(keys.public(ready)) in found.records
        seen_at = (attempt.next_key_seen_at or self._now()) if is_there else 0
        if seen_at != attempt.next_key_seen_at:
            await asyncio.to_thread(attempts.save, place, replace(attempt, next_key_seen_at=seen_at))
        return is_there and self._now() - seen_at >= timing.SEEN_SECONDS * 1000

    def _public_next(self, key: str) -> bytes | None:
        ready = self._pairs.next_key(key)
        public = None if ready is None else keys.public(ready)
        pair = self._pairs.newest(key)
        return None if pair is None or pair.leaf.public_key == public else public

    def _publish(self) -> None:
        """Have DNS records say what is true now. Blocks."""
        assert self._issuing is not None
        self._certificates.next_key = self._public_next(self._hostname)
        self._certificates.authorities = self._issuing.authorizations()

    def _describe(self, name: str, shown: Shown | None) -> CertificateState:
        public = self._public_next(name) if name == self._hostname else None
        record = f"{_tlsa_name(name)}. IN TLSA {tlsa.text(tlsa.of_key(public))}" if public else ""
        attempt = attempts.load(self._pairs.place(name))
        return states.describe(name, shown, self._wanted.get(name), attempt, record)

    def _remind(self) -> None:
        """Say once a day which certificates end soon, whoever is to renew them."""
        now = self._now()
        if now - self._reminded_at < REMINDED_MS:
            return
        self._reminded_at = now
        for shown in self._certificates.shown:
            is_dropped = shown.source is Source.ACME and self._issuing is not None and shown.name not in self._wanted
            if shown.leaf.not_after_at - now < EXPIRING_MS and not is_dropped:
                days = (shown.leaf.not_after_at - now) // 86_400_000
                log.warning("certificate.expiring", name=shown.name, source=shown.source.value, days=days)


def _tlsa_name(host: str) -> str:
    return f"_25._tcp.{host}"
