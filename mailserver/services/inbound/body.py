"""The octets of a message that is being received, for those who hash them in a thread."""

import os
import threading
from collections.abc import Collection, Iterator

import structlog

from mailserver.mail import canonical
from mailserver.mail.canonical import BodyDigest, Form
from mailserver.services.mailbox import acceptance
from mailserver.services.mailbox.acceptance import Content

STEP_BYTES = 256 << 10
SMALL_BYTES = 64 << 10
log = structlog.get_logger()


def head(content: Content) -> bytes:
    """The first octets of a message, those included that are not in its spool yet."""
    found = content.head()
    if content.is_spooled and len(found) < acceptance.HEAD_BYTES:
        found += b"".join(content.pieces(b"")[1:])[: acceptance.HEAD_BYTES - len(found)]
    return found


class Body:
    """The body, from an offset of the message on. It holds a descriptor of its own until it is closed."""

    def __init__(self, content: Content, start: int) -> None:
        self._start = start
        self._pieces = content.pieces(b"")[1:]  # all of it, or what is not in the spool yet
        self._descriptor = os.dup(content.spool) if content.is_spooled else -1
        self._at = len(content.prefix) + start
        self._end = len(content.prefix) + content.size - sum(map(len, self._pieces))
        self._stopped = threading.Event()
        self.is_small = not content.is_spooled and content.size - start <= SMALL_BYTES

    def digests(self, forms: Collection[Form]) -> dict[Form, BodyDigest]:
        """Hash it in every form, in one pass; nothing where it cannot be read or the work was stopped. It blocks."""
        try:
            return canonical.digests(self._chunks(), forms)
        except OSError as error:
            log.error("verification.body.unreadable", error=str(error))
            return {}
        except WorkStopped:
            return {}

    def stop(self) -> None:
        """Let the thread come to its end."""
        self._stopped.set()

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _chunks(self) -> Iterator[bytes | memoryview]:
        skip = self._start
        if self._descriptor >= 0:
            yield from self._spooled()
            skip = max(0, self._at - self._end)
        for piece in self._pieces:
            self._refuse_stopped()
            if skip < len(piece):
                yield memoryview(piece)[skip:]
            skip = max(0, skip - len(piece))

    def _spooled(self) -> Iterator[bytes]:
        at = self._at
        while at < self._end:
            self._refuse_stopped()
            chunk = os.pread(self._descriptor, min(STEP_BYTES, self._end - at), at)
            if not chunk:
                raise OSError("The spool is shorter than the message.")
            at += len(chunk)
            yield chunk

    def _refuse_stopped(self) -> None:
        if self._stopped.is_set():
            raise WorkStopped


class WorkStopped(Exception):
    """Nobody waits for the hash any more."""
