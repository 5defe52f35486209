"""How long a peer may keep us waiting, and how long we let it wait: for the greeting, and for the answer to errors."""

import asyncio
from collections.abc import Callable

from mailserver.mail import peer_signs
from mailserver.mail.reply import Reply
from mailserver.smtp import protocol, replies
from mailserver.smtp.listener import Listener

LINGER_SECONDS = 10.0  # for a peer that does not read our last words


class Paced(protocol.Connection):
    """Has a timer of its own only while a stranger waits for us; all else is seen by the wheel."""

    __slots__ = ("_then", "_timer")

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener)
        self._timer: asyncio.TimerHandle | None = None
        self._then: Callable[[], None] | None = None  # what the timer does

    # The wheel calls these.

    def due_at(self, now: float) -> float:
        """See `Watched`."""
        limits = self.listener.limits
        if self._closing_at:
            return self._closing_at + LINGER_SECONDS
        if self._waits & (protocol.TASK | protocol.PAUSE):
            return now + limits.idle_seconds
        idle = self._active_at + limits.idle_seconds
        if self.intake:
            return min(idle, self.intake.started_at + limits.data_seconds)
        return min(idle, self._started_at + limits.session_seconds)

    def expire(self, now: float) -> bool:
        """See `Watched`."""
        if self.socket is None:
            return False
        if self._closing_at or self._waits & protocol.WRITE:
            self.socket.abort()
            return False
        if self._active_at + self.listener.limits.idle_seconds <= now:
            self.close_with(replies.IDLE_TOO_LONG)
        else:
            self.close_with(replies.DATA_TOO_SLOW if self.intake else replies.SESSION_TOO_LONG)
        self.flush()
        return True

    # What the connection does, later.

    def greet(self) -> None:
        """Say who we are; to strangers not at once, so that those show who do not listen."""
        listener = self.listener
        seconds = listener.conduct.greeting_delay(self.peer.address) if listener.policy.meets_strangers else 0.0
        if seconds:
            self._pause(seconds, self._greet_at_last)
        else:
            super().greet()

    def answer(self, reply: Reply) -> None:
        """Send a reply, and count it; errors make the next answers slower, and in the end there is none."""
        if reply.code < 500:
            super().answer(reply)
            return
        listener = self.listener
        is_unknown = reply is replies.UNKNOWN_RECIPIENT and listener.policy.meets_strangers
        earned = listener.conduct.misstep(self.peer.address, self.peer.errors + 1, is_unknown=is_unknown)
        if isinstance(earned, Reply):
            self.give_up(earned)
            return
        super().answer(reply)
        if earned and not self._closing_at and not self._is_eof:
            self._pause(earned, self._resume)

    def eof_received(self) -> bool:
        """Keep the way back open while there is something to answer; who sends nothing more learns not by waiting."""
        keeps_open = super().eof_received()
        if self._then:
            self._pause(0.0, self._then)
        return keeps_open

    def flush(self) -> None:
        """Write the replies that are ready, unless the peer has to wait for them."""
        if not self._waits & protocol.PAUSE or self._closing_at or self._is_draining:
            super().flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything but a message that is being stored."""
        if self._timer:
            self._timer.cancel()
            self._timer = self._then = None
        super().connection_lost(exc)

    # Inside.

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer:
            self._timer.cancel()
        self._waits |= protocol.PAUSE
        self._then = then
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _resume(self) -> None:
        self._timer = self._then = None
        self._waits &= ~protocol.PAUSE
        self._go_on()

    def _greet_at_last(self) -> None:
        if not self._closing_at:
            if self._pending:
                self.peer.mark(peer_signs.EARLY_TALKER)
            if self._pending and self.listener.limits.refuse_early_talkers:
                self.give_up(replies.TOO_EARLY)
            else:
                self._out.append(self.listener.greeting)
        self._resume()
