"""The bytes of a message on their way to the wire: one kind of line end, dots stuffed, large ones streamed."""

import asyncio
import re
from collections.abc import Generator
from concurrent.futures import Executor
from pathlib import Path
from typing import BinaryIO

from mailserver.mail import headers, spam_status, trace
from mailserver.queue.wire import Wire

CHUNK_BYTES = 131_072
LARGEST_HEAD = 1_048_576  # header block of a streamed message; what is longer has no header
_ANY_LINE_END = re.compile(rb"\r\n|\r|\n")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
# RFC 5322 3.6.3 and RFC 5321 4.4: fields that only the copy in Sent may have.
_PRIVATE = re.compile(
    rb"^(?:bcc|resent-bcc|return-path)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
_RETURN_PATH = re.compile(rb"^return-path[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
_TLS_OPTIONAL = re.compile(rb"^tls-required[ \t]*:[ \t]*no[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class LineEnds:
    """Turns bare CR and bare LF into CRLF, chunk by chunk: what we send can hide no second message."""

    def __init__(self) -> None:
        self._held = b""  # a CR whose LF may be in the next chunk

    def feed(self, chunk: bytes) -> bytes:
        """The next chunk, mended."""
        chunk = self._held + chunk
        self._held = b"\r" if chunk.endswith(b"\r") else b""
        return mend(chunk[:-1] if self._held else chunk)

    def finish(self) -> bytes:
        """What was held back."""
        return b"\r\n" if self._held else b""


class DotStuffing:
    """Doubles the dot that begins a line (RFC 5321 4.5.2); takes chunks that never part a CRLF."""

    def __init__(self) -> None:
        self._at_line_start = True

    def feed(self, chunk: bytes) -> bytes:
        """The next chunk, stuffed."""
        if not chunk:
            return chunk
        stuffed = chunk.replace(b"\r\n.", b"\r\n..")
        if self._at_line_start and chunk.startswith(b"."):
            stuffed = b"." + stuffed
        self._at_line_start = chunk.endswith(b"\r\n")
        return stuffed

    def finish(self) -> bytes:
        """The end of the message."""
        return b".\r\n" if self._at_line_start else b"\r\n.\r\n"


def mend(data: bytes) -> bytes:
    """Make every line end CRLF."""
    crlf = data.count(b"\r\n")
    if crlf == data.count(b"\n") == data.count(b"\r"):
        return data
    return _ANY_LINE_END.sub(b"\r\n", data)


def public_head(head: bytes) -> bytes:
    """The header block without what is nobody else's business."""
    return _PRIVATE.sub(b"", head)


def passed_on_head(head: bytes, passed_on_by: str | None) -> bytes:
    """The header block of others' mail: as it came, but for what is said to our own inboxes alone.

    Delivered-To names the inbox that passes it on, so that it is known where it comes from if it comes back.
    """
    kept = spam_status.without_foreign(_RETURN_PATH.sub(b"", head))
    if passed_on_by is None or passed_on_by in trace.delivered_to_addresses(headers.split(kept)[0]):
        return kept
    return trace.delivered_to(passed_on_by) + kept


def waives_policies(head: bytes) -> bool:
    """Whether the sender wants the message sent without regard to MTA-STS and DANE (RFC 8689 4.2.2)."""
    return _TLS_OPTIONAL.search(head) is not None


def split(data: bytes) -> tuple[bytes, bytes]:
    """The header block with its last line end, and the body without the empty line between them."""
    if data.startswith(b"\r\n"):
        return b"", data[2:]
    end = data.find(b"\r\n\r\n")
    return (data, b"") if end < 0 else (data[: end + 2], data[end + 4 :])


class WholeContent:
    """A message that is small enough to be held."""

    def __init__(self, data: bytes, *, waives_policies: bool = False) -> None:
        self.size = len(data)
        self.waives_policies = waives_policies
        stuffing = DotStuffing()
        self._stuffed = stuffing.feed(data) + stuffing.finish()

    async def write_to(self, wire: Wire, block_seconds: float) -> None:
        """Send it, with the final dot."""
        wire.write(self._stuffed)
        await wire.drain(block_seconds)


class StreamedContent:
    """A large message: its new header block, then the body as it stands in the file."""

    def __init__(self, path: Path, head: bytes, body_size: int, executor: Executor) -> None:
        self._path = path
        self._head = head
        self._executor = executor
        self.size = len(head) + 2 + body_size
        self.waives_policies = waives_policies(head)

    async def write_to(self, wire: Wire, block_seconds: float) -> None:
        """Send it chunk by chunk, no faster than the peer reads and with no disk on the event loop."""
        loop = asyncio.get_running_loop()
        stuffing = DotStuffing()
        wire.write(stuffing.feed(self._head + b"\r\n"))
        chunks = body(self._path)
        try:
            while (chunk := await loop.run_in_executor(self._executor, next, chunks, None)) is not None:
                wire.write(stuffing.feed(chunk))
                await wire.drain(block_seconds)
        finally:
            await asyncio.shield(loop.run_in_executor(self._executor, chunks.close))
        wire.write(stuffing.finish())
        await wire.drain(block_seconds)


def body(path: Path) -> Generator[bytes, None, None]:
    """The body of a message file, line ends mended, in chunks that never part a CRLF."""
    ends = LineEnds()
    with path.open("rb") as file:
        _, rest = _read_head(file)
        yield ends.feed(rest)
        while chunk := file.read(CHUNK_BYTES):
            yield ends.feed(chunk)
    yield ends.finish()


def head(path: Path) -> bytes:
    """The header block of a message file, line ends mended, with its last line end."""
    with path.open("rb") as file:
        found, _ = _read_head(file)
    return found


def _read_head(file: BinaryIO) -> tuple[bytes, bytes]:
    """The header block, and what was read of the body."""
    data = b""
    while len(data) < LARGEST_HEAD and (chunk := file.read(CHUNK_BYTES)):
        data += chunk
        found = _END_OF_HEAD.search(data)
        if found:
            return mend(data[: found.start()] + b"\r\n"), data[found.end() :]
    return b"", data
