"""DNS as the checks of a message ask it, and how long a message waits for it.

Where DNS has been silent for a while, mail must not wait its full time for it, message after message: then the wait
is short, until somebody hears an answer again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import structlog

from mailserver.mail.resolver import HostAnswer, LookupFailed, MxAnswer, TextAnswer

SILENT_QUESTIONS = 6  # that nobody answered, one after the other
SHORT_SECONDS = 0.2
PROBE_SECONDS = 15.0  # between messages that wait their full time though DNS is silent: it may be slow, not dead
Answer = TypeVar("Answer")
log = structlog.get_logger()


class Dns(Protocol):
    """The questions that verification asks; each raises LookupFailed where DNS gave no answer."""

    async def text(self, name: str) -> TextAnswer:
        """TXT records."""
        ...

    async def family(self, host: str, version: int) -> HostAnswer:
        """Addresses of a host in one family, 4 or 6."""
        ...

    async def mx(self, domain: str) -> MxAnswer:
        """MX records."""
        ...

    async def pointers(self, address: str) -> tuple[str, ...]:
        """The names that an address points to."""
        ...


class WatchedDns:
    """Passes questions on and listens whether anything comes back. One for the process."""

    def __init__(self, resolver: Dns) -> None:
        self._resolver = resolver
        self._unanswered = 0
        self._probe_at = 0.0
        self._listeners: list[Callable[[], None]] = []

    @property
    def is_silent(self) -> bool:
        """Whether the last several questions had no answer."""
        return self._unanswered >= SILENT_QUESTIONS

    def patience(self, full_seconds: float) -> float:
        """How long the next message waits."""
        if not self.is_silent:
            return full_seconds
        now = asyncio.get_running_loop().time()
        if now >= self._probe_at:
            self._probe_at = now + PROBE_SECONDS
            return full_seconds
        return min(SHORT_SECONDS, full_seconds)

    @contextmanager
    def hearing(self, heard: Callable[[], None]) -> Iterator[None]:
        """Be told, once, when the silence ends."""
        self._listeners.append(heard)
        try:
            yield
        finally:
            self._listeners.remove(heard)

    async def text(self, name: str) -> TextAnswer:
        """TXT records."""
        return await self._watch(self._resolver.text(name))

    async def family(self, host: str, version: int) -> HostAnswer:
        """Addresses of a host in one family, 4 or 6."""
        return await self._watch(self._resolver.family(host, version))

    async def mx(self, domain: str) -> MxAnswer:
        """MX records."""
        return await self._watch(self._resolver.mx(domain))

    async def pointers(self, address: str) -> tuple[str, ...]:
        """The names that an address points to."""
        return await self._watch(self._resolver.pointers(address))

    async def _watch(self, question: Awaitable[Answer]) -> Answer:
        # What the resolver remembers comes back before the loop turns, and says nothing about DNS.
        turned: list[bool] = []
        turn = asyncio.get_running_loop().call_soon(turned.append, True)
        try:
            answer = await question
        except (LookupFailed, asyncio.CancelledError):
            if turned:
                self._miss()
            raise
        finally:
            turn.cancel()
        if turned and self._unanswered:
            self._hear()
        return answer

    def _miss(self) -> None:
        self._unanswered += 1
        if self._unanswered == SILENT_QUESTIONS:
            self._probe_at = asyncio.get_running_loop().time() + PROBE_SECONDS
            log.warning("dns.silence.began", questions=SILENT_QUESTIONS)

    def _hear(self) -> None:
        was_silent = self.is_silent
        self._unanswered = 0
        if was_silent:
            log.info("dns.silence.ended")
            for heard in self._listeners:
                heard()
