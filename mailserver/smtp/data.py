"""Receive the content of a message in chunks: DATA (RFC 5321 4.1.1.4, 4.5.2) and BDAT (RFC 3030 2)."""

from typing import Protocol

import structlog

from mailserver.entities import errors
from mailserver.mail.envelope import Envelope
from mailserver.mail.reply import Reply
from mailserver.smtp import replies
from mailserver.smtp.contracts import Arrival
from mailserver.smtp.limits import SmtpLimits

_END = b"\r\n.\r\n"
_HELD = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")  # what the end may begin with, longest first
logger = structlog.get_logger()
READ_ON_BYTES = 16_777_216  # how much of a message that is refused anyway is still read, beyond the size limit


class Framing(Protocol):
    """Takes content out of the stream."""

    def take(self, chunk: bytes) -> tuple[bytes, bytes | None]:
        """Return content, and what follows its end; None while the end has not come."""
        ...


class Dots:
    """Content up to CRLF.CRLF, and only that, wherever the chunks are cut; leading dots are taken off.

    A CRLF is never split between two pieces of content, so each piece can be checked alone.
    """

    __slots__ = ("_held", "_started")

    def __init__(self) -> None:
        self._held = b"\r\n"  # as if the line before had ended, so that an immediate dot ends the message
        self._started = False

    def take(self, chunk: bytes) -> tuple[bytes, bytes | None]:
        """See `Framing`."""
        chunk = self._held + chunk
        # Most messages have none but the last, which one search finds; base64 has no dot at all, which costs less.
        dot = chunk.find(b"\r\n.") if b"." in chunk else -1
        end = dot if dot < 0 or chunk.startswith(_END, dot) else chunk.find(_END, dot)
        rest: bytes | None = None
        if end >= 0:
            rest = chunk[end + 5 :]
            content = chunk[: end + 2]
        else:
            self._held = next((held for held in _HELD if chunk.endswith(held)), b"")
            content = chunk[: len(chunk) - len(self._held)]
        if dot != end:
            content = content.replace(b"\r\n.", b"\r\n")
        if not self._started and content:
            self._started = True
            content = content[2:]
        return content, rest


class Counted:
    """Exactly so many octets, as they are."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, chunk: bytes) -> tuple[bytes, bytes | None]:
        """See `Framing`."""
        if len(chunk) < self._left:
            self._left -= len(chunk)
            return chunk, None
        return chunk[: self._left], chunk[self._left :]


class LineCheck:
    """Looks for bare CR, bare LF, NUL and lines that are too long (RFC 5321 2.3.8, 4.5.3.1.6)."""

    __slots__ = ("_length", "_longest")

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._length = 0  # of the line that is not over yet

    def fault(self, content: bytes) -> Reply | None:
        """Return why content cannot be taken; it must not end between CR and LF unless it is the last."""
        # bytes.splitlines cuts at CRLF, CR and LF: two octets a cut are pairs and nothing else.
        lines = content.splitlines()
        cuts = len(lines) - (not content.endswith((b"\r", b"\n")))
        if len(content) - sum(map(len, lines)) != 2 * cuts:
            return replies.BARE_LINE_END_IN_CONTENT
        if b"\0" in content:
            return replies.NUL_IN_CONTENT
        if self._is_too_long(content):
            return replies.CONTENT_LINE_TOO_LONG
        return None

    def _is_too_long(self, content: bytes) -> bool:
        size, longest = len(content), self._longest
        start = -self._length  # where the line under way began
        while size - start > longest:
            end = content.rfind(b"\r\n", max(start, 0), start + longest + 2)
            if end < 0:
                if size - start == longest + 1 and content.endswith(b"\r\n"):
                    break
                return True
            start = end + 2
        end = content.rfind(b"\r\n", max(start, 0))
        self._length = size - (end + 2 if end >= 0 else start)
        return False


class Intake:
    """One message on its way from the wire to an Arrival.

    Once there is a reason to refuse the message nothing more is kept, but it is read to its end.
    """

    __slots__ = (
        "_arrival",
        "_carriage_return",
        "_check",
        "_framing",
        "_largest",
        "_wants_flush",
        "chunk_bytes",
        "content_bytes",
        "is_last",
        "refusal",
        "started_at",
    )

    def __init__(self, arrival: Arrival, limits: SmtpLimits, *, binary: bool, started_at: float) -> None:
        self._arrival = arrival
        self._largest = limits.message_bytes
        self._check = None if binary else LineCheck(limits.line_bytes)
        self._framing: Framing | None = None
        self._carriage_return = b""
        self._wants_flush = False
        self.is_last = False
        self.chunk_bytes = 0  # of the BDAT chunk under way, as announced
        self.content_bytes = 0
        self.refusal: Reply | None = None
        self.started_at = started_at

    @classmethod
    def refused(cls, reply: Reply, limits: SmtpLimits, *, started_at: float) -> "Intake":
        """Make an intake that only reads what was announced and must not be kept."""
        intake = cls(_Nowhere(), limits, binary=True, started_at=started_at)
        intake.refusal = reply
        return intake

    @property
    def arrival(self) -> Arrival:
        """Where the content goes."""
        return self._arrival

    @property
    def is_reading(self) -> bool:
        """Whether content comes next on the wire, not a command."""
        return self._framing is not None

    @property
    def is_beyond_bounds(self) -> bool:
        """Whether so much came that reading on is pointless."""
        return self.content_bytes > self._largest + READ_ON_BYTES

    @property
    def wants_flush(self) -> bool:
        """Whether the arrival asked for a flush before it takes more."""
        return self._wants_flush and self.refusal is None

    def read_dots(self) -> None:
        """Read to the lone dot."""
        self._framing = Dots()
        self.is_last = True

    def read_counted(self, size: int, *, is_last: bool) -> None:
        """Read a chunk of a size that was announced."""
        self._framing = Counted(size)
        self.chunk_bytes = size
        self.is_last = is_last

    def take(self, chunk: bytes) -> bytes | None:
        """Take content; return what follows its end, or None while the end has not come."""
        assert self._framing is not None
        content, rest = self._framing.take(chunk)
        if rest is not None:
            self._framing = None
        self.content_bytes += len(content)
        if self.refusal is None:
            self._keep(content, ended=rest is not None)
        return rest

    async def flush(self) -> None:
        """Let the arrival write out what it holds."""
        await self._arrival.flush()
        self._wants_flush = False

    def refuse(self, reply: Reply) -> None:
        """Give the message up; the first reason stands."""
        if self.refusal is None:
            self.refusal = reply
            self._arrival.discard()

    def _keep(self, content: bytes, *, ended: bool) -> None:
        if self.content_bytes > self._largest:
            self.refuse(replies.TOO_LARGE)
            return
        if self._check:
            content = self._whole_pairs(content, is_end=ended and self.is_last)
            fault = self._check.fault(content) if content else None
            if fault:
                self.refuse(fault)
                return
        if not content:
            return
        try:
            if self._arrival.add(content):
                self._wants_flush = True
        except errors.ServiceError as error:
            self.refuse(replies.refusal(error))
        except Exception:  # the end of the message still has to be found, so that no content is taken for commands
            logger.exception("smtp.content.failed")
            self.refuse(replies.INTERNAL)

    def _whole_pairs(self, content: bytes, *, is_end: bool) -> bytes:
        """Hold a CR back at the edge of a chunk until it is known what follows."""
        if self._carriage_return:
            content = self._carriage_return + content
            self._carriage_return = b""
        if content.endswith(b"\r") and not is_end:
            self._carriage_return = b"\r"
            return content[:-1]
        return content


class _Nowhere:
    """Where content goes that nobody has agreed to take."""

    def add(self, chunk: bytes) -> bool:  # noqa: ARG002  nothing is kept
        """See `Arrival`."""
        return False

    async def flush(self) -> None:
        """See `Arrival`."""

    async def accept(self, envelope: Envelope) -> str:  # noqa: ARG002  nothing is accepted
        """See `Arrival`."""
        raise errors.Conflict

    def discard(self) -> None:
        """See `Arrival`."""
