"""The file in a report: packed by us, and unpacked from strangers within bounds (RFC 9990, RFC 8460 3)."""

import gzip
import io
import struct
import zipfile
import zlib

MOST_BYTES = 10 << 20  # of a file, packed or not
MOST_RATIO = 100
_GZIP = b"\x1f\x8b"
_ZIP = b"PK"
_ENTRY = b"PK\x01\x02"
_MOST_ENTRIES = 10  # directories and what a Mac adds; more than one file is no report
_DESCRIPTORS = "__MACOSX/"
# What zipfile raises beside its own error: RuntimeError for a password, or for a version or method of others, and
# ValueError for a place before the beginning of the file, or a name in no charset.
_TROUBLE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, OverflowError, LookupError,
    ValueError,
)  # fmt: skip


class BrokenFile(ValueError):
    """The file is no report, or would be too large; the sentence says why."""


def pack(content: bytes) -> bytes:
    """Compress with gzip; the same content gives the same octets."""
    return gzip.compress(content, mtime=0)


def unpack(raw: bytes) -> bytes:
    """The content of a gzip file, of a zip file with one file in it, or of a plain one."""
    if len(raw) > MOST_BYTES:
        raise BrokenFile("The file is larger than 10 MB.")
    if raw.startswith(_GZIP):
        content = _gunzip(raw)
    elif raw.startswith(_ZIP):
        content = _unzip(raw)
    else:
        return raw
    if len(content) > MOST_RATIO * len(raw):
        raise BrokenFile("The file expands to more than a hundred times its size.")
    if content.startswith((_GZIP, _ZIP)):
        raise BrokenFile("The file holds another archive.")
    return content


def _most(raw: bytes) -> int:
    return min(MOST_BYTES, MOST_RATIO * len(raw)) + 1


def _gunzip(raw: bytes) -> bytes:
    machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = machine.decompress(raw, _most(raw))
    except zlib.error as error:
        raise BrokenFile("The gzip file is damaged.") from error
    _refuse_large(content)
    if not machine.eof:
        raise BrokenFile("The gzip file is cut off, or expands to more than a hundred times its size.")
    return content


def _unzip(raw: bytes) -> bytes:
    if raw.count(_ENTRY) > _MOST_ENTRIES:
        raise BrokenFile("The zip file has more than one file in it.")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive, archive.open(_only(archive)) as file:
            content = file.read(_most(raw))
    except BrokenFile:
        raise
    except _TROUBLE as error:
        raise BrokenFile("The zip file cannot be read.") from error
    _refuse_large(content)
    return content


def _only(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = [each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith(_DESCRIPTORS)]
    if len(files) != 1:
        raise BrokenFile("The zip file has not exactly one file in it.")
    if files[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BrokenFile("The zip file is packed in a way that no report is.")
    return files[0]


def _refuse_large(content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise BrokenFile("The file expands to more than 10 MB.")
