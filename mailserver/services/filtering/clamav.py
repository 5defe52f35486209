"""Ask ClamAV, where one is set up, whether a message carries something known to be harmful (clamd's INSTREAM)."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import TimeoutError as FutureTimeout

import aioclamd
import structlog

from mailserver.entities.verdict import Action, Reason
from mailserver.mail import spam_status
from mailserver.services.filtering.evidence import NOTHING, Evidence, Finding, ScannerProblem

TIMEOUT_SECONDS = 8.0
MAX_BYTES = 25 << 20  # what clamd takes as it comes from Debian (StreamMaxLength)
PIECE_BYTES = 256 << 10
SCORE = 10.0
PORT = 3310
log = structlog.get_logger()


class Clamav:
    """A scanner. What it finds is refused, or put into Junk where `refuses` is False."""

    name = "clamav"

    def __init__(
        self,
        host: str,
        port: int = PORT,
        *,
        refuses: bool = True,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._clamd = aioclamd.ClamdAsyncClient(host, port, timeout_seconds)
        self._floor = Action.REJECT if refuses else Action.JUNK
        self._max_bytes = max_bytes
        self.timeout_seconds = timeout_seconds

    async def scan(self, evidence: Evidence) -> Finding:
        """Let clamd look at the whole message; ScannerProblem where it does not answer."""
        if evidence.size > self._max_bytes:
            log.info("filter.clamav.skipped", queue_id=evidence.queue_id, size=evidence.size)
            return NOTHING
        stream = _Stream(evidence.whole(), asyncio.get_running_loop(), self.timeout_seconds)
        try:
            answer = await self._clamd.instream(stream, self._max_bytes)
        except (aioclamd.ClamdError, OSError) as error:
            raise ScannerProblem(f"clamd: {error}") from error
        finally:
            stream.close()
        status, found = (answer or {}).get("stream", ("", None))
        if status == "FOUND":
            title = (found or "something")[:100]
            return Finding((Reason(f"CLAMAV_{spam_status.name(title)}", SCORE, f"ClamAV found {title}."),), self._floor)
        if status != "OK":
            raise ScannerProblem(f"clamd answered {status or 'nothing'}")
        return NOTHING


class _Stream:
    """An asynchronous source, read from the threads that clamd's client reads in.

    The client asks for 1 KB at a time and sends whatever it is given as one piece, so it is given large ones.
    """

    def __init__(self, pieces: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop, timeout_seconds: float) -> None:
        self._pieces = pieces
        self._loop = loop
        self._timeout_seconds = timeout_seconds
        self._is_closed = False
        self._rest = b""

    def read(self, size: int) -> bytes:
        """The next piece, b'' at the end."""
        del size  # the client's wish, which would cost a thread's turn for each KB
        piece, self._rest = self._rest[:PIECE_BYTES], self._rest[PIECE_BYTES:]
        while not piece:
            if self._is_closed:
                return b""
            asked = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
            try:
                following = asked.result(self._timeout_seconds)
            except FutureTimeout as error:
                asked.cancel()
                raise ScannerProblem("the message could not be read in time") from error
            if following is None:
                return b""
            piece, self._rest = following[:PIECE_BYTES], following[PIECE_BYTES:]
        return piece

    def close(self) -> None:
        """Let a thread that still reads come to its end."""
        self._is_closed = True

    async def _next(self) -> bytes | None:
        return await anext(self._pieces, None)
