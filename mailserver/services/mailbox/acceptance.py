"""Take responsibility for a message that comes in by SMTP: its bytes, then its journal record.

A message stays in memory while it is small and goes to an unnamed spool file when it is not. On acceptance a small
one is a journal record with its bytes; a large one becomes its final file, synced, and a record that names it.
"""

import asyncio
import errno
import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, TypeVar, TypeVarTuple

import structlog

from mailserver.entities import errors
from mailserver.mail import headers
from mailserver.mail.headers import Headers
from mailserver.storage import files, records
from mailserver.storage.files import MessageFiles
from mailserver.storage.journal import Journal
from mailserver.storage.records import Record

PENDING_BYTES = 256 << 10  # of one message, held in memory once it goes to the spool
MEMORY_BYTES = 128 << 20  # of all messages being received; past this, small ones go to the spool too
SMALL_BYTES = 64 << 10
HEAD_BYTES = 160 << 10  # of the message that header checks look at
Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")
log = structlog.get_logger()


class Acceptance:
    """Makes contents and commits them. One for the process."""

    def __init__(self, journal: Journal, message_files: MessageFiles, executor: Executor, threshold_bytes: int) -> None:
        self._journal = journal
        self._files = message_files
        self._executor = executor
        self._threshold = threshold_bytes
        self.memory = 0

    def content(self) -> "Content":
        """A place for the bytes of a message that is being received."""
        return Content(self)

    @property
    def threshold(self) -> int:
        """Up to which size a message stays in memory just now."""
        held = self.memory + self._journal.pending_bytes
        return self._threshold if held < MEMORY_BYTES else SMALL_BYTES

    def promise(self, content: "Content", head: bytes, record: Record, answer: Result) -> asyncio.Future[Result]:
        """Bring a message that is all in memory to the disk; `answer` comes once it is there.

        The record has its size already. StoreFull or StoreUnavailable where that fails.
        """
        try:
            return self._journal.promise(records.encode(record, content.pieces(head)), answer)
        finally:
            content.discard()

    async def commit(self, content: "Content", head: bytes, record: Record, skip: int = 0) -> None:
        """Bring the message to the disk: `head`, then its bytes from `skip` on.

        A head as long as the prefix that a spool began with takes its place. StoreFull or StoreUnavailable where
        that fails.
        """
        try:
            if content.is_broken:  # a scanner may have met the failure, and mail goes on without its opinion
                raise errors.StoreUnavailable
            if content.is_spooled:
                await content.flush()
                record = await self._adopt(content, head, record, skip)
            else:
                record = replace(record, content=head + content.octets()[skip:], size=len(head) + content.size - skip)
            await self._journal.append(records.encode(record))
        finally:
            content.discard()

    async def write(self, content: "Content", chunks: list[bytes]) -> None:
        """Append chunks to a content's spool, made where there is none."""
        await self._run(content, self._write, content, chunks)

    async def _adopt(self, content: "Content", head: bytes, record: Record, skip: int) -> Record:
        if record.copies:
            place = files.location(record.copies[0].inbox_id, record.copies[0].message_id)
        elif record.queued:
            place = record.queued.location
        else:
            raise errors.StoreUnavailable
        before = len(content.prefix)
        if before and len(head) == before and not skip:
            await self._run(content, self._adopt_whole, place, head, content)
        else:
            await self._run(
                content, self._files.adopt, place, head, content.spool, before + content.size, before + skip
            )
        return replace(record, location=place, size=len(head) + content.size - skip)

    def _adopt_whole(self, place: str, head: bytes, content: "Content") -> None:
        if head != content.prefix:
            os.pwrite(content.spool, head, 0)
        self._files.adopt_whole(place, content.spool, len(head) + content.size)

    def _write(self, content: "Content", chunks: list[bytes]) -> None:
        if not content.is_spooled:
            content.spool = self._files.spool()
            chunks = [content.prefix, *chunks]
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                view = view[os.write(content.spool, view) :]

    async def _run(
        self, content: "Content", function: Callable[[*Arguments], Result], *arguments: *Arguments
    ) -> Result:
        """Work in a thread. Where the caller is cancelled meanwhile, the thread keeps its descriptor to the end."""
        work = asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        content.work = work
        try:
            return await asyncio.shield(work)
        except OSError as error:
            log.error("storage.spool.failed", error=str(error))
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise errors.StoreFull from error
            raise errors.StoreUnavailable from error


class Content:
    """The bytes of one message on their way in."""

    def __init__(self, acceptance: Acceptance) -> None:
        self._acceptance = acceptance
        self._chunks: list[bytes] = []
        self._pending = 0
        self._head = b""
        self.prefix = b""  # room in the spool for the head, so that the spool becomes the file
        self._headers: Headers | None = None
        self.size = 0
        self.spool = -1
        self.work: asyncio.Future[Any] | None = None  # in a thread, with the spool
        self.is_ascii = True
        self.is_broken = False  # whether a part of it is lost, so that it must not be accepted
        self.body_offset = 0

    @property
    def is_spooled(self) -> bool:
        """Whether some of it lies in a spool file."""
        return self.spool >= 0

    def add(self, chunk: bytes) -> bool:
        """Keep a chunk; True asks for `flush` before more comes."""
        self._chunks.append(chunk)
        length = len(chunk)
        self._pending += length
        self.is_ascii = self.is_ascii and chunk.isascii()
        self.size += length
        self._acceptance.memory += length
        if self.is_spooled:
            return self._pending >= PENDING_BYTES
        return self.size > self._acceptance.threshold

    async def flush(self) -> None:
        """Move what is in memory to the spool."""
        chunks, self._chunks = self._chunks, []
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + b"".join(chunks))[:HEAD_BYTES]
        pending, self._pending = self._pending, 0
        try:
            await self._acceptance.write(self, chunks)
        except BaseException:
            self.is_broken = True  # nobody knows how much of it was written
            raise
        finally:
            self._acceptance.memory -= pending

    def pieces(self, head: bytes) -> list[bytes]:
        """The whole of a message that is not spooled, with `head` before it, in pieces."""
        return [head, *self._chunks]

    def octets(self) -> bytes:
        """The whole of a message that is not spooled."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def head(self) -> bytes:
        """The first octets, enough for every header field that counts."""
        return self._head if self.is_spooled else self.octets()[:HEAD_BYTES]

    def headers(self) -> Headers:
        """The header fields."""
        if self._headers is None:
            self._headers, self.body_offset = headers.split(self.head())
        return self._headers

    def discard(self) -> None:
        """Forget the message."""
        self._acceptance.memory -= self._pending
        self._pending = 0
        self._chunks = []
        if self.work is not None and not self.work.done():
            self.work.add_done_callback(self._close)
        else:
            self._close()

    def _close(self, _: object = None) -> None:
        if self.is_spooled:
            os.close(self.spool)
            self.spool = -1
