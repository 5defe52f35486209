"""The bytes of one client connection: commands out, bounded replies in, TLS in between."""

import asyncio
import re
import ssl
from collections.abc import Callable
from typing import cast

from mailserver.mail import reply as replies
from mailserver.mail.reply import Reply
from mailserver.queue import tls

LONGEST_LINE = 4096  # RFC 5321 4.5.3.1.5 says 512; peers write more
MOST_LINES = 100  # of one reply
LARGEST_BACKLOG = 65_536  # bytes that a peer may send ahead of us
HIGH_WATER_BYTES = 262_144
_FIRST = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)


class Broken(Exception):
    """The connection cannot be used any more; the reply is ours and says why."""

    def __init__(self, text: str, enhanced: str = "4.4.2") -> None:
        self.reply = Reply(451, enhanced, text)
        super().__init__(text)


class HandshakeFailed(Exception):
    """TLS could not be put over the connection, which is of no more use. `error` is what TLS said of it."""

    def __init__(self, text: str, error: OSError | None = None) -> None:
        self.error = error
        super().__init__(text)


class Wire(asyncio.Protocol):
    """One connection to a server. One task uses it at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._reading: asyncio.Future[None] | None = None
        self._draining: asyncio.Future[None] | None = None
        self._is_paused = False
        self._lost: str | None = None
        self._is_leaving = False

    # asyncio's side

    def connection_made(self, connected: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        transport = cast("asyncio.Transport", connected)  # uvloop's does not say that it is one
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        """Keep what came, up to the bound."""
        if self._is_leaving:
            self.close()  # the reply to QUIT, or nothing that matters
            return
        self._received += data
        if len(self._received) > LARGEST_BACKLOG:
            self._lose("the server sent more than any reply has")
            self.abort()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember why, and wake whoever waits."""
        self._lose(f"the connection was lost ({exc})" if exc else "the server closed the connection")
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        """The peer reads more slowly than we write."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """There is room again."""
        self._is_paused = False
        if self._draining is not None and not self._draining.done():
            self._draining.set_result(None)

    # ours

    @property
    def is_open(self) -> bool:
        """Whether there is any use in writing."""
        return self._lost is None and self._transport is not None and not self._transport.is_closing()

    @property
    def has_unread(self) -> bool:
        """Whether the server said something that nobody asked for."""
        return bool(self._received)

    @property
    def tls_version(self) -> str | None:
        """`TLSv1.3` and so on; None in clear."""
        if self._transport is None:
            return None
        found = self._transport.get_extra_info("ssl_object")
        return None if found is None else found.version()

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The certificates that the server showed, its own first; none in clear."""
        found = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        return () if found is None else tls.chain(found)

    @property
    def local_address(self) -> str:
        """Ours."""
        found = self._transport.get_extra_info("sockname") if self._transport is not None else None
        return str(found[0]) if found else ""

    def write(self, data: bytes) -> None:
        """Send bytes, without waiting."""
        if not self.is_open or self._transport is None:
            raise Broken(f"{self._lost or 'the connection is closed'}".capitalize())
        self._transport.write(data)

    async def drain(self, timeout_seconds: float) -> None:
        """Wait until the peer has taken most of what was written."""
        if self._is_paused and self._lost is None:
            self._draining = self._loop.create_future()
            await self._wait(self._draining, timeout_seconds, "the message")
        if self._lost is not None:
            raise Broken(self._lost.capitalize())

    async def reply(self, timeout_seconds: float, awaited: str) -> Reply:
        """The server's next reply; `awaited` names what it answers, for the error."""
        code, lines = await self.lines(timeout_seconds, awaited)
        return replies.parse(code, "\n".join(lines))

    async def lines(self, timeout_seconds: float, awaited: str) -> tuple[int, tuple[str, ...]]:
        """The server's next reply as its code and its lines."""
        deadline: float | None = None
        while (found := self._take_reply(awaited)) is None:
            if self._lost is not None:
                raise Broken(f"While waiting for the reply to {awaited}, {self._lost}")
            if deadline is None:
                deadline = self._loop.time() + timeout_seconds
            self._reading = self._loop.create_future()
            await self._wait(self._reading, deadline - self._loop.time(), f"the reply to {awaited}")
        return found

    async def start_tls(self, context: ssl.SSLContext, server_name: str, timeout_seconds: float) -> None:
        """Put TLS over the connection; HandshakeFailed where it cannot be."""
        if self._received:  # injected before the handshake: never let it count as said inside TLS
            self.abort()
            raise Broken("The server said more than the reply to STARTTLS")
        assert self._transport is not None
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                context,
                server_hostname=server_name,
                ssl_handshake_timeout=timeout_seconds,
            )
        except OSError as error:  # ssl.SSLError is one too
            self.abort()
            reason = getattr(error, "reason", None) or error.strerror or str(error)
            raise HandshakeFailed(reason or "the server broke it off", error) from error
        if transport is None:
            raise HandshakeFailed("the connection was lost")
        self._transport = transport

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def leave(self, quit_seconds: float) -> None:
        """Say QUIT and close when the server has answered, or has had the time to (RFC 5321 4.1.1.10)."""
        if not self.is_open:
            self.abort()
            return
        self.write(b"QUIT\r\n")
        self._is_leaving = True
        self._lose("the connection was closed by us")
        self._loop.call_later(quit_seconds, self.abort)

    def close(self) -> None:
        """Close once what was written has gone."""
        if self._transport is not None:
            self._transport.close()

    def _take_reply(self, awaited: str) -> tuple[int, tuple[str, ...]] | None:
        """Cut one whole reply off what came; None where there is none yet."""
        buffer = self._received
        if not buffer:
            return None
        lines: list[bytes] = []
        code = b""
        start = 0
        while True:
            end = buffer.find(b"\n", start, start + LONGEST_LINE + 1)
            if end < 0:
                if len(buffer) - start > LONGEST_LINE:
                    raise self._nonsense(awaited, "is too long")
                return None
            found = _FIRST.fullmatch(bytes(buffer[start:end]).rstrip(b"\r"))
            if found is None or (code and found[1] != code):
                raise self._nonsense(awaited, "cannot be read")
            code = found[1]
            lines.append(found[3] or b"")
            start = end + 1
            if found[2] != b"-":
                break
            if len(lines) > MOST_LINES:
                raise self._nonsense(awaited, "has too many lines")
        del buffer[:start]
        return int(code), tuple(_readable(line) for line in lines)

    def _nonsense(self, awaited: str, what: str) -> Broken:
        self.abort()
        return Broken(f"The reply to {awaited} {what}", "4.5.0")

    async def _wait(self, waiter: asyncio.Future[None], timeout_seconds: float, awaited: str) -> None:
        timer = self._loop.call_later(max(0.0, timeout_seconds), _expire(waiter))
        try:
            await waiter
        except TimeoutError:
            self.abort()
            self._lose("it was given up as too slow")
            raise Broken(f"The server took too long over {awaited}") from None
        finally:
            timer.cancel()

    def _wake(self) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)

    def _lose(self, why: str) -> None:
        if self._lost is None:
            self._lost = why


def _expire(waiter: asyncio.Future[None]) -> Callable[[], None]:
    def expire() -> None:
        if not waiter.done():
            waiter.set_exception(TimeoutError())

    return expire


def _readable(line: bytes) -> str:
    """A peer's text as it may stand in a log: no control characters, whatever it sent."""
    text = line.decode("utf-8", "replace")  # nearly always one printable line
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "?" for letter in text)
