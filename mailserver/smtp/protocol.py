"""Bytes in, replies out: aiosmtpd's SMTP driven by `data_received`, with no reader and no task while a peer is idle.

Of aiosmtpd's class this keeps the place in the class tree and the dispatch to `smtp_*` methods, which here return their
reply at once or start a task and return None. Its stream reader, its handler task and its timer are not used.
"""

import abc
import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, cast

from aiosmtpd import smtp

from mailserver.entities import errors
from mailserver.mail.reply import Reply
from mailserver.smtp import handshake, replies
from mailserver.smtp.data import Intake
from mailserver.smtp.listener import Listener
from mailserver.smtp.session import Session

T = TypeVar("T")
Refused = Callable[[errors.ServiceError], Reply | None]

HELD_BACK_BYTES = 16_384  # what comes in while we wait, before the peer is told to wait too

# What a connection waits for; while it does, input is held back.
TASK = 1
WRITE = 2
TURN = 4
PAUSE = 8  # see `pacing`
_CLASSES = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}


class Connection(smtp.SMTP):
    """One peer. Commands that can be answered at once are answered inside `data_received`, in one write a packet."""

    __slots__ = (
        "_active_at",
        "_closing_at",
        "_in_handshake",
        "_is_admitted",
        "_is_draining",
        "_is_eof",
        "_is_lost",
        "_is_paused",
        "_is_shut",
        "_lingers",
        "_out",
        "_pending",
        "_started_at",
        "_task",
        "_waits",
        "asked",
        "intake",
        "listener",
        "peer",
        "socket",
        "verb",
    )

    def __init__(self, listener: Listener) -> None:
        # aiosmtpd's own constructor inspects its handler for 0.5 ms and makes a reader: it is left out.
        self.listener = listener
        self.peer = Session("", 0)
        self.socket: asyncio.Transport | None = None
        self.intake: Intake | None = None
        self.asked: asyncio.Future[bytes] | None = None
        self.verb = "connect"
        self._task: asyncio.Task[None] | None = None
        self._pending = b""
        self._out: list[bytes] = []
        self._waits = 0
        self._closing_at = 0.0
        self._started_at = self._active_at = listener.clock()
        self._is_admitted = self._is_draining = self._is_eof = self._is_lost = self._is_paused = False
        self._in_handshake = self._is_shut = self._lingers = False

    @abc.abstractmethod
    def take(self, data: bytes) -> bytes:
        """Work through input; return what has to wait, for us or for the rest of a line."""

    @abc.abstractmethod
    def due_at(self, now: float) -> float:
        """See `Watched`. `Paced` knows how."""

    @abc.abstractmethod
    def expire(self, now: float) -> bool:
        """See `Watched`."""

    # The transport calls these.

    def connection_made(self, connected: asyncio.BaseTransport) -> None:
        """Greet, or refuse to."""
        transport = cast("asyncio.Transport", connected)  # uvloop's does not say that it is one
        self.socket = transport
        name = transport.get_extra_info("peername")
        if not name:  # it has gone already
            self._closing_at = self._started_at
            transport.abort()
            return
        listener = self.listener
        self.peer.address, self.peer.port = str(name[0]), int(name[1])
        if listener.implicit_tls:  # its gate has let the peer in
            assert listener.tls is not None
            self.peer.start_tls(handshake.shown(transport, listener.tls.certificate()))
        refusal = None if listener.implicit_tls else listener.admit(self.peer.address)
        if refusal:
            self.close_with(refusal)
            self.flush()
            return
        self._is_admitted = True
        listener.arrive(self)
        self.greet()
        if listener.is_draining:
            self.drain()

    def greet(self) -> None:
        """Say who we are."""
        assert self.socket is not None
        self.socket.write(self.listener.greeting)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the reason changes nothing
        """Let go of everything but a message that is being stored: that goes on to its end."""
        if self._is_lost:
            return
        self._is_lost = True
        self._pending = b""
        if self._is_admitted:
            self.listener.depart(self)
            self.listener.door.leave(self.peer.address)
        if not self._waits & TASK:
            self._drop_intake()
        if self._in_handshake:
            self._task_ended()
        if self.asked and not self.asked.done():
            self.asked.set_exception(ConnectionResetError())
        self.socket = None

    def eof_received(self) -> bool:
        """Keep the way back open while there is something to answer."""
        self._is_eof = True
        return bool(self._waits) and not self.peer.tls and not self._closing_at

    def pause_writing(self) -> None:
        """Hold back commands while the peer does not read the replies."""
        self._waits |= WRITE

    def resume_writing(self) -> None:
        """Go on."""
        self._waits &= ~WRITE
        self._go_on()

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""
        if self._closing_at:
            return
        if self._waits:
            self._pending += data
            # A handshake runs on a transport that is about to be replaced; what it leaves is one read at most.
            if len(self._pending) > HELD_BACK_BYTES and self.socket and not self._is_paused and not self._in_handshake:
                self._is_paused = True
                self.socket.pause_reading()
            return
        self._active_at = self.listener.clock()
        if self._pending:
            data = self._pending + data
            self._pending = b""
        self._advance(data)

    # The listeners call these.

    def drain(self) -> None:
        """See `Connected`."""
        self._is_draining = True
        if self._in_handshake and self.socket:
            self.socket.abort()  # no word of ours fits into a handshake
        else:
            self.flush()

    @property
    def is_in_hand(self) -> bool:
        """See `Connected`."""
        return bool(self.intake or (self._waits & TASK and not self._in_handshake)) and not self._closing_at

    def abandon(self) -> None:
        """See `Connected`."""
        if self._task and not self.intake:
            self._task.cancel()
            self._task_ended()
        if self.socket and not self._closing_at and not self._in_handshake:
            self.close_with(replies.SHUTTING_DOWN)
            self.flush()

    @property
    def was_admitted(self) -> bool:
        """Whether the door will be told when this one leaves."""
        return self._is_admitted

    # The commands call these.

    @property
    def is_waiting(self) -> bool:
        """Whether nothing more of the input may be looked at now."""
        return self._waits != 0 or self._closing_at != 0

    def answer(self, reply: Reply) -> None:
        """Send a reply, and count it; too many errors end the connection."""
        self._out.append(replies.wire(reply))
        self.count(reply)
        if reply.code >= 500:
            self.peer.errors += 1
            if self.peer.errors >= self.listener.limits.errors and not self._closing_at:
                self.give_up(replies.TOO_MANY_ERRORS)

    def answer_raw(self, reply: bytes) -> None:
        """Send a positive reply that is not in the table as it stands."""
        self._out.append(reply)
        self.listener.counts.commands[(self.verb, "2xx")] += 1

    def count(self, reply: Reply) -> None:
        """Count a reply, and log it where it is negative."""
        counts = self.listener.counts
        counts.commands[(self.verb, _CLASSES[reply.code // 100])] += 1
        if reply.code >= 400:
            counts.rejections[(reply.enhanced,)] += 1
            self.listener.log.info("smtp.command.refused", peer=self.peer.address, command=self.verb, reply=reply.line)

    def close_with(self, reply: Reply) -> None:
        """Send a last reply."""
        if not self._closing_at:
            self._out.append(replies.wire(reply))
            self.count(reply)
            self.close()

    def give_up(self, reply: Reply) -> None:
        """Send a last reply to a peer that is still talking."""
        self.close_with(reply)
        self._lingers = True

    def close(self) -> None:
        """Take nothing more, and close once the replies are out."""
        if not self._closing_at:
            self._closing_at = self.listener.clock()
            self._pending = b""
            if not self._waits & TASK:
                self._drop_intake()
            if self._is_draining:
                self.listener.moved()

    def yield_turn(self) -> None:
        """Let other connections have their turn before more of the input is looked at."""
        self._waits |= TURN
        asyncio.get_running_loop().call_soon(self._next_turn)

    def start(self, work: Awaitable[T], then: Callable[[T], Reply | None], refused: Refused = replies.refusal) -> None:
        """Wait for something in a task of the listeners; input is held back until its reply is out.

        A future needs no task: it is somebody else's work, who ends it whatever becomes of this connection.
        """
        self._waits |= TASK
        if isinstance(work, asyncio.Future):
            work.add_done_callback(lambda done: self._settled(done, then, refused))
            return
        # A flush has a thread at work on the arrival's file: it must be over before the arrival is discarded.
        self._task = self.listener.start(self._work(work, then, refused), may_cancel=self.intake is None)

    async def ask(self, challenge: bytes) -> bytes:
        """Put a challenge to the client, from within a task, and return the line that it answers (RFC 4954 4)."""
        if self._is_lost:
            raise ConnectionResetError
        asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.asked = asked
        self._waits &= ~TASK
        self._out.append(b"334 " + challenge + b"\r\n")
        self._go_on()
        return await asked

    def was_answered(self) -> None:
        """Hold back input again: the task has what it asked for."""
        self.asked = None
        self._waits |= TASK

    def enter_handshake(self, work: Coroutine[Any, Any, None]) -> None:
        """Hold back input in the kernel: it is for the new transport to read. What has come in is dropped."""
        if self.socket:
            self.socket.pause_reading()
        self._in_handshake = True
        self._waits |= TASK
        self._task = self.listener.start(work)

    def leave_handshake(self, transport: asyncio.Transport) -> None:
        """Go on over the new transport."""
        self._in_handshake = False
        self._task_ended()
        if not self._is_lost:
            self.socket = transport
            self._go_on()

    def flush(self) -> None:
        """Write the replies that are ready, and close where that is due."""
        if self._is_draining and not self._closing_at and not self.is_in_hand:
            self.close_with(replies.SHUTTING_DOWN)
        if self.socket is None:
            self._out.clear()
            return
        if self._out:
            self.socket.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
            self._out.clear()
        if self._closing_at and not self.socket.is_closing():
            self._hang_up(self.socket)

    # Inside.

    def _advance(self, data: bytes) -> None:
        try:
            rest = self.take(data)
            self._pending = b"" if self._in_handshake else rest
        except Exception:
            self.listener.log.exception("smtp.command.failed", command=self.verb)
            self.give_up(replies.INTERNAL)  # where in the input we stand is not sure any more
        self.flush()

    def _hang_up(self, socket: asyncio.Transport) -> None:
        # A socket closed over unread input is reset, and the reset may overtake our last words: so the peer's input is
        # read and dropped until it closes, too, or until it has lingered long enough.
        if not self._lingers or self._is_eof or not socket.can_write_eof():
            socket.close()
        elif not self._is_shut:
            self._is_shut = True
            socket.write_eof()

    def _next_turn(self) -> None:
        self._waits &= ~TURN
        self._go_on()

    async def _work(self, work: Awaitable[T], then: Callable[[T], Reply | None], refused: Refused) -> None:
        try:
            reply = then(await work)
        except Exception as error:  # noqa: BLE001  the listener logs what is no refusal
            reply = refused(self.listener.refusal(error, self.verb))
        self._work_ended(reply)

    def _settled(self, done: asyncio.Future[T], then: Callable[[T], Reply | None], refused: Refused) -> None:
        was_closing = self._closing_at
        try:
            reply = then(done.result())
        except Exception as error:  # noqa: BLE001  as in `_work`
            reply = refused(self.listener.refusal(error, self.verb))
        if was_closing:  # it was given up at the end of a drain: its last words are out
            self._out.clear()
            reply = None
        self._work_ended(reply)

    def _work_ended(self, reply: Reply | None) -> None:
        self._task_ended()
        if self._is_lost:
            self._drop_intake()
            return
        if reply:
            self.answer(reply)
        self._go_on()

    def _task_ended(self) -> None:
        self.listener.finished(self._task)
        self._task = None
        self._waits &= ~TASK

    def _go_on(self) -> None:
        if self._waits or self.socket is None:
            self.flush()
            return
        self._active_at = self.listener.clock()
        data, self._pending = self._pending, b""
        self._advance(data)
        if self._is_paused and not self._waits:  # what was held back is used up: only then is there room for more
            self._is_paused = False
            self.socket.resume_reading()
        if self._is_eof and not self._waits:
            self.close()
            self.flush()

    def _drop_intake(self) -> None:
        if self.intake:
            self.intake.refuse(replies.INTERNAL)
            self.listener.counts.messages[(self.listener.name, "abandoned")] += 1
            self.intake = None
