"""How far the journal is stored for good: one number in a file of the journal's directory."""

import os
import struct
import zlib
from pathlib import Path

_BODY = struct.Struct("<Q")
_WHOLE = struct.Struct("<QI")
_NAME = "checkpoint"


def read(directory: Path) -> int:
    """The last record that is stored for good; 0 where no whole number stands there: then all is looked at again."""
    try:
        raw = (directory / _NAME).read_bytes()
    except FileNotFoundError:
        return 0
    if len(raw) != _WHOLE.size:
        return 0
    sequence, checksum = _WHOLE.unpack(raw)
    return int(sequence) if zlib.crc32(raw[: _BODY.size]) == checksum else 0


def write(directory: Path, sequence: int) -> None:
    """Keep the number, on the disk when this returns."""
    content = _WHOLE.pack(sequence, zlib.crc32(_BODY.pack(sequence)))
    descriptor = os.open(directory / _NAME, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, content, 0)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
