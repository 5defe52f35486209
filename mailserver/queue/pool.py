"""Open connections, and reuse them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mailserver.queue.conversation import Conversation, Refused
from mailserver.queue.demand import Distrusted
from mailserver.queue.opening import Opening
from mailserver.queue.parameters import Unsupported
from mailserver.queue.routing import Target
from mailserver.queue.tls import TlsLevel
from mailserver.queue.wire import Broken

IDLE_SECONDS = 15.0  # a kept connection that nobody uses
SWEEP_SECONDS = 5.0
MESSAGES_PER_CONNECTION = 100  # many servers count, so leave before they object
CONNECTION_AGE_SECONDS = 300.0
MOST_IDLE = 500

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

    def __init__(self, opening: Opening, clock: Callable[[], float] = time.monotonic) -> None:
        self._opening = opening
        self._clock = clock
        self._idle: dict[Target, list[Link]] = {}
        self._idle_count = 0

    async def take(self, targets: tuple[Target, ...], least: TlsLevel) -> Link:
        """A connection to the first target that gives one; where none does, the trouble that says most is raised."""
        for target in targets:
            link = self._take_idle(target, least)
            if link is not None:
                return link
        trouble: Refused | Unsupported | Broken | None = None
        for target in self._opening.in_order(targets):
            try:
                return Link(target, await self._opening.open(target, least), self._clock())
            except (Refused, Unsupported, Broken) as error:
                log.info("queue.connection.failed", host=target.name, address=target.address, reply=str(error.reply))
                trouble = _graver(trouble, error)
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


def _graver(
    first: Refused | Unsupported | Broken | None, then: Refused | Unsupported | Broken
) -> Refused | Unsupported | Broken:
    """Which of two hosts' troubles to tell: a policy that is not met does not mend itself as silence may."""
    if first is None or isinstance(then, Distrusted):
        return then
    # One host's lack does not speak for another that is only away.
    return first if isinstance(first, Distrusted) or isinstance(then, Unsupported) else then
