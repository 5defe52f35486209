"""Open connections, and reuse them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from mailserver.mail.reply import Reply
from mailserver.queue.conversation import Conversation, Login, Patience, Refused
from mailserver.queue.parameters import Unsupported
from mailserver.queue.routing import Target
from mailserver.queue.tls import TlsContexts, TlsLevel
from mailserver.queue.wire import Broken, HandshakeFailed, Wire

CONNECT_SECONDS = 30.0  # Postfix's; the kernel would try for two minutes
IDLE_SECONDS = 15.0  # a kept connection that nobody uses
SWEEP_SECONDS = 5.0
MESSAGES_PER_CONNECTION = 100  # many servers count, so leave before they object
CONNECTION_AGE_SECONDS = 300.0
MOST_IDLE = 500
LESSON_SECONDS = 3600.0  # how long a host's TLS failure is remembered
UNREACHABLE_SECONDS = 60.0
MOST_LESSONS = 10_000

K = TypeVar("K")
V = TypeVar("V")
log = structlog.get_logger()


@dataclass(slots=True)
class Link:
    """A conversation with a target, and since when."""

    target: Target
    conversation: Conversation
    opened_at: float
    idle_since: float = 0.0


class Pool:
    """Connections to remote servers; those between two messages wait here for the next."""

    def __init__(
        self,
        hostname: str,
        contexts: TlsContexts,
        patience: Patience | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        login: Login | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hello = hostname
        self._contexts = contexts
        self._patience = patience or Patience()
        self._connect_seconds = connect_seconds
        self._login = login
        self._clock = clock
        self._idle: dict[Target, list[Link]] = {}
        self._idle_count = 0
        self._lessons: dict[tuple[str, int], tuple[TlsLevel, float]] = {}
        self._unreachable: dict[tuple[str, int], float] = {}

    async def take(self, targets: tuple[Target, ...], least: TlsLevel) -> Link:
        """A connection to the first target that gives one. The last target's trouble is raised where none does."""
        for target in targets:
            link = self._take_idle(target, least)
            if link is not None:
                return link
        trouble: Refused | Unsupported | Broken | None = None
        for target in self._reachable_first(targets):
            try:
                return await self._open(target, least)
            except (Refused, Unsupported, Broken) as error:
                log.info("queue.connection.failed", host=target.name, address=target.address, reply=str(error.reply))
                if trouble is None or not isinstance(error, Unsupported):
                    trouble = error  # one host's lack does not speak for another that is only away
        raise trouble or Broken("There is no address to connect to", "4.4.1")

    def give(self, link: Link) -> None:
        """Keep a connection for the next message, or let it go."""
        now = self._clock()
        conversation = link.conversation
        fresh = now - link.opened_at < CONNECTION_AGE_SECONDS and conversation.sent < MESSAGES_PER_CONNECTION
        if not conversation.is_open or not fresh or self._idle_count >= MOST_IDLE:
            conversation.leave()
            return
        link.idle_since = now
        self._idle.setdefault(link.target, []).append(link)
        self._idle_count += 1

    async def sweep_forever(self) -> None:
        """Take leave of servers that nothing was sent to for a while."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._close_idle(self._is_tired)

    def close(self) -> None:
        """Take leave of every server."""
        self._close_idle(lambda _link: True)

    def _is_tired(self, link: Link) -> bool:
        return not link.conversation.is_open or self._clock() - link.idle_since > IDLE_SECONDS

    def _take_idle(self, target: Target, least: TlsLevel) -> Link | None:
        waiting = self._idle.get(target, [])
        for index in range(len(waiting) - 1, -1, -1):
            link = waiting[index]
            if link.conversation.level < least and link.conversation.is_open:
                continue
            del waiting[index]
            self._idle_count -= 1
            if not waiting:
                del self._idle[target]
            if link.conversation.is_open:
                return link
            link.conversation.abort()
        return None

    def _close_idle(self, is_over: Callable[[Link], bool]) -> None:
        for target, waiting in list(self._idle.items()):
            for link in [link for link in waiting if is_over(link)]:
                waiting.remove(link)
                self._idle_count -= 1
                link.conversation.leave()
            if not waiting:
                del self._idle[target]

    def _reachable_first(self, targets: tuple[Target, ...]) -> list[Target]:
        """In order, but an address that has just not answered comes last."""
        now = self._clock()
        return sorted(targets, key=lambda target: self._unreachable.get((target.address, target.port), 0.0) > now)

    async def _open(self, target: Target, least: TlsLevel) -> Link:
        """Connect with the best TLS that the host can do, and never with less than is needed."""
        level = max(self._best(target), least)
        while True:
            try:
                conversation = await self._converse(target, level)
            except HandshakeFailed as error:
                lower = TlsLevel(level - 1) if level else level
                log.info("queue.tls.failed", host=target.name, level=level.name, error=str(error))
                if lower < least or level is TlsLevel.CLEAR:
                    raise Broken(f"TLS with {target.name} failed: {error}", "4.7.5") from error
                self._learn(target, lower)
                level = lower
                continue
            if conversation.level < least:
                conversation.leave()
                raise Unsupported(Reply(550, "5.7.10", f"{target.name} does not offer the encryption that is needed"))
            return Link(target, conversation, self._clock())

    async def _converse(self, target: Target, level: TlsLevel) -> Conversation:
        conversation = Conversation(await self._connect(target), self._hello, self._patience)
        try:
            await conversation.greet()
            if level is not TlsLevel.CLEAR:
                await conversation.secure(self._contexts, level, target.name)
            if self._login is not None:
                await conversation.log_in(self._login)
        except BaseException:
            conversation.abort()
            raise
        return conversation

    async def _connect(self, target: Target) -> Wire:
        key = (target.address, target.port)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, wire = await loop.create_connection(Wire, target.address, target.port)
        except TimeoutError as error:
            self._remember(self._unreachable, key, self._clock() + UNREACHABLE_SECONDS)
            raise Broken(f"{target.name} [{target.address}] does not answer", "4.4.1") from error
        except OSError as error:
            self._remember(self._unreachable, key, self._clock() + UNREACHABLE_SECONDS)
            why = error.strerror or str(error)
            raise Broken(f"Cannot connect to {target.name} [{target.address}]: {why}", "4.4.1") from error
        self._unreachable.pop(key, None)
        return wire

    def _best(self, target: Target) -> TlsLevel:
        level, until = self._lessons.get((target.name, target.port), (TlsLevel.VERIFIED, 0.0))
        return level if until > self._clock() else TlsLevel.VERIFIED

    def _learn(self, target: Target, level: TlsLevel) -> None:
        self._remember(self._lessons, (target.name, target.port), (level, self._clock() + LESSON_SECONDS))

    @staticmethod
    def _remember(memory: dict[K, V], key: K, value: V) -> None:
        if len(memory) >= MOST_LESSONS:
            memory.clear()
        memory[key] = value
