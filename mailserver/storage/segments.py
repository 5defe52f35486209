"""Journal segments: preallocated files that are written over and over.

A segment is filled with zeros once, so that a sync changes no file size and needs no file-system journal commit; after
its records are no longer needed it is used again, so that nothing is created or deleted for a message.
Each record is covered by a checksum that includes the segment's generation and its own sequence number: what an earlier
life of the file left behind never counts.
"""

import errno
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"MSJ1"
HEADER = struct.Struct("<4sQQI")  # magic, generation, first sequence, checksum
RECORD = struct.Struct("<4sIQI")  # magic, payload length, sequence, checksum
HEADER_BYTES = 64
ALIGN = 8
_ZEROS = bytes(1 << 20)
_IOV_MAX = 512


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a record lies."""

    sequence: int
    path: Path
    offset: int  # of the payload
    length: int


@dataclass(frozen=True, slots=True)
class Life:
    """What a segment file holds: which of its lives it is in, the number that began it, and its whole records."""

    path: Path
    generation: int
    first_sequence: int
    entries: tuple[Entry, ...]


class Segment:
    """One file that records are appended to."""

    def __init__(self, path: Path, size: int) -> None:
        """Open a segment, made and filled with zeros where it is missing or has another size."""
        self.path = path
        self.size = size
        self.generation = 0
        self.offset = 0
        self.last_sequence = 0
        self._is_spoiled = False
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(self._descriptor).st_size != size:
                self._fill()
        except BaseException:
            self.discard()  # a full disk must not fill up further with every try
            raise

    @property
    def is_whole(self) -> bool:
        """Whether the file still has the size that it was made with, and no write of it has failed."""
        return not self._is_spoiled and os.fstat(self._descriptor).st_size == self.size

    def begin(self, generation: int, first_sequence: int) -> None:
        """Start a new life; what was in the file does not count any more once this is on the disk."""
        checksum = zlib.crc32(struct.pack("<QQ", generation, first_sequence))
        os.pwrite(self._descriptor, HEADER.pack(MAGIC, generation, first_sequence, checksum), 0)
        os.fdatasync(self._descriptor)
        self.generation = generation
        self.offset = HEADER_BYTES
        self.last_sequence = first_sequence - 1

    def fits(self, length: int) -> bool:
        """Whether there is room for a payload."""
        return self.offset + RECORD.size + length + ALIGN <= self.size

    def place(self, sequence: int, payload: list[bytes], buffers: list[bytes]) -> Entry:
        """Give a record its place and add its bytes to `buffers`; nothing is written yet."""
        length = sum(map(len, payload))
        checksum = zlib.crc32(struct.pack("<QQ", self.generation, sequence))
        for part in payload:
            checksum = zlib.crc32(part, checksum)
        buffers.append(RECORD.pack(MAGIC, length, sequence, checksum))
        buffers.extend(payload)
        entry = Entry(sequence, self.path, self.offset + RECORD.size, length)
        end = entry.offset + length
        padding = -end % ALIGN
        if padding:
            buffers.append(b"\0" * padding)
        self.offset = end + padding
        self.last_sequence = sequence
        return entry

    def write(self, offset: int, buffers: list[bytes]) -> None:
        """Write buffers at an offset and bring them to the disk; OSError where that fails."""
        for start in range(0, len(buffers), _IOV_MAX):
            group = buffers[start : start + _IOV_MAX]
            expected = sum(map(len, group))
            written = os.pwritev(self._descriptor, group, offset)
            while written < expected:  # a signal or a nearly full disk cuts a write short
                rest = b"".join(group)[written:]
                more = os.pwrite(self._descriptor, rest, offset + written)
                if more == 0:
                    raise OSError(errno.ENOSPC, "the segment takes no more")
                written += more
            offset += expected
        os.fdatasync(self._descriptor)

    def cut(self, offset: int) -> None:
        """Make sure that nothing from `offset` on is read as a record; best done, never trusted again."""
        self._is_spoiled = True
        os.ftruncate(self._descriptor, offset)
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def discard(self) -> None:
        """Close the file and take it away."""
        os.close(self._descriptor)
        self.path.unlink(missing_ok=True)

    def _fill(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.posix_fallocate(self._descriptor, 0, self.size)
        for offset in range(0, self.size, len(_ZEROS)):
            os.pwrite(self._descriptor, _ZEROS[: min(len(_ZEROS), self.size - offset)], offset)
        os.fsync(self._descriptor)


def life(path: Path) -> Life:
    """The records of a segment in order, up to the first that is not whole."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head = os.pread(descriptor, HEADER.size, 0)
        if len(head) < HEADER.size:
            return Life(path, 0, 0, ())
        magic, generation, sequence, checksum = HEADER.unpack(head)
        if magic != MAGIC or checksum != zlib.crc32(struct.pack("<QQ", generation, sequence)):
            return Life(path, 0, 0, ())
        return Life(path, generation, sequence, tuple(_entries(descriptor, path, generation, sequence)))
    finally:
        os.close(descriptor)


def _entries(descriptor: int, path: Path, generation: int, sequence: int) -> Iterator[Entry]:
    offset = HEADER_BYTES
    size = os.fstat(descriptor).st_size
    while offset + RECORD.size <= size:
        magic, length, found, checksum = RECORD.unpack(os.pread(descriptor, RECORD.size, offset))
        start = offset + RECORD.size
        if magic != MAGIC or found != sequence or start + length > size:
            return
        payload = os.pread(descriptor, length, start)
        seed = zlib.crc32(struct.pack("<QQ", generation, found))
        if len(payload) < length or zlib.crc32(payload, seed) != checksum:
            return
        yield Entry(found, path, start, length)
        offset = start + length + (-(start + length) % ALIGN)
        sequence += 1


def read(entry: Entry) -> bytes:
    """The payload of a record."""
    descriptor = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, entry.length, entry.offset)
    finally:
        os.close(descriptor)
