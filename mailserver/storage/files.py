"""Message files: written in tmp, renamed into place, never changed; one file for all who received the same message.

A location is the path below the mail directory: `<inbox id>/cur/<2 letters>/<message id>`. The two letters come from
the time in the id, so that neighbours in time lie in one directory and old directories are not touched again.
"""

import ctypes
import errno
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind

OUTBOUND = "outbound"  # the directory of queued mail that nobody keeps a copy of
CHUNK_BYTES = 1 << 20
_NOT_OFFERED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EISDIR)  # by the file system
_LIBC = ctypes.CDLL(None, use_errno=True)


def location(inbox_id: int, message_id: int) -> str:
    """Where an inbox keeps a message."""
    name = identifiers.encode(Kind.MESSAGE, message_id)
    return f"{identifiers.encode(Kind.INBOX, inbox_id)}/cur/{name[6:8]}/{name}"


def outbound_location(queued_id: int) -> str:
    """Where a queued message lies that has no copy in an inbox."""
    name = identifiers.encode(Kind.QUEUED, queued_id)
    return f"{OUTBOUND}/cur/{name[6:8]}/{name}"


class MessageFiles:
    """The mail directory. Every method blocks; none is called on the event loop. Safe from threads."""

    def __init__(self, directory: Path) -> None:
        self._root = directory
        self._prefix = f"{directory}/"
        self._tmp = directory / "tmp"
        self._temporary_prefix = f"{self._tmp}/{os.getpid()}."
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tmp.mkdir(mode=0o700, exist_ok=True)
        self._made: set[str] = set()
        self._lock = threading.Lock()
        self._serial = 0
        self._held_until = 0.0

    @property
    def is_held(self) -> bool:
        """Whether no file may be taken away, because somebody copies them."""
        return time.monotonic() < self._held_until

    def hold(self, seconds: float) -> None:
        """Let no file be taken away for a time, at the least."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)

    def path(self, place: str) -> Path:
        """The path of a location."""
        return self._root / place

    def write(self, place: str, chunks: Iterable[bytes | memoryview], *, sync: bool) -> None:
        """Make a file, or replace it; with `sync` it is on the disk, name included, when this returns."""
        descriptor, temporary = self._open_temporary()
        try:
            for chunk in chunks:
                _write_all(descriptor, chunk)
            if sync:
                os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            os.unlink(temporary)
            raise
        os.close(descriptor)
        self._rename(temporary, place)
        if sync:
            self._sync_directory(os.path.dirname(self._prefix + place))

    def adopt(self, place: str, head: bytes, spool: int, size: int, skip: int = 0) -> None:
        """Make a file of `head` and of an open spool's bytes from `skip` to `size`, on the disk when this returns."""
        descriptor, temporary = self._open_temporary()
        try:
            _write_all(descriptor, head)
            offset = skip
            while offset < size:
                offset += _copy(spool, descriptor, offset, min(size - offset, CHUNK_BYTES * 8))
            os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            os.unlink(temporary)
            raise
        os.close(descriptor)
        self._rename(temporary, place)
        self._sync_directory(os.path.dirname(self._root / place))

    def adopt_whole(self, place: str, spool: int, size: int) -> None:
        """Make a file of all of an open spool, by giving it its name where the file system can; on the disk then."""
        os.fsync(spool)
        temporary = self._temporary_name()
        directory = os.open(self._tmp, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # With a directory's descriptor Python calls linkat(2) with AT_SYMLINK_FOLLOW, which this needs.
            os.link(f"/proc/self/fd/{spool}", temporary, src_dir_fd=directory, follow_symlinks=True)
        except OSError as error:
            if error.errno not in (*_NOT_OFFERED, errno.ENOENT):
                raise
            self.adopt(place, b"", spool, size)
            return
        finally:
            os.close(directory)
        self._rename(temporary, place)
        self._sync_directory(os.path.dirname(self._prefix + place))

    def link(self, place: str, other: str) -> None:
        """Give a file a second name, in the place of whatever other file a crash may have left there."""
        self._make_directory(other)
        source, target = self._root / place, self._root / other
        try:
            os.link(source, target)
        except FileExistsError:
            if os.path.samefile(source, target):
                return
            temporary = self._temporary_name()
            os.link(source, temporary)
            os.rename(temporary, target)

    def spool(self) -> int:
        """Open an unnamed file; the caller closes it."""
        try:
            return os.open(self._tmp, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in _NOT_OFFERED:
                raise
        temporary = self._temporary_name()
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        os.unlink(temporary)
        return descriptor

    def read(self, place: str) -> bytes:
        """The whole of a file; FileNotFoundError where it is not there."""
        return (self._root / place).read_bytes()

    def beginning(self, place: str, most: int) -> bytes:
        """The first bytes of a file; FileNotFoundError where there is none."""
        with self.path(place).open("rb") as file:
            return file.read(most)

    def size(self, place: str) -> int | None:
        """Octets of a file, None where it is not there."""
        try:
            return os.stat(self._prefix + place).st_size
        except FileNotFoundError:
            return None

    def remove(self, place: str) -> None:
        """Take a name away; nothing happens where it is gone."""
        (self._root / place).unlink(missing_ok=True)

    def sync(self) -> None:
        """Bring everything that was written to the disk."""
        sync_file_system(self._root)

    def sweep_temporary(self) -> int:
        """Remove what a crash left in tmp; the number of files. Only before anything is written."""
        count = 0
        for leftover in self._tmp.iterdir():
            leftover.unlink()
            count += 1
        return count

    def places(self) -> Iterator[str]:
        """Every file's location."""
        for owner in sorted(self._root.iterdir()):
            cur = owner / "cur"
            if cur.is_dir():
                for bucket in sorted(cur.iterdir()):
                    for name in sorted(os.listdir(bucket)):
                        yield f"{owner.name}/cur/{bucket.name}/{name}"

    def free(self) -> tuple[int, int]:
        """Free bytes and inodes of the file system, for who is not root."""
        status = os.statvfs(self._root)
        return status.f_bavail * status.f_frsize, status.f_favail

    def _temporary_name(self) -> str:
        with self._lock:
            self._serial += 1
            return f"{self._temporary_prefix}{self._serial}"

    def _open_temporary(self) -> tuple[int, str]:
        temporary = self._temporary_name()
        return os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), temporary

    def _rename(self, temporary: str, place: str) -> None:
        try:
            self._make_directory(place)
            try:
                os.rename(temporary, self._prefix + place)
            except FileNotFoundError:  # somebody has tidied up the directory
                self._made.discard(place.rpartition("/")[0])
                self._make_directory(place)
                os.rename(temporary, self._prefix + place)
        except OSError:
            os.unlink(temporary)  # a full disk must not fill up further with every try
            raise

    def _make_directory(self, place: str) -> None:
        directory = place.rpartition("/")[0]
        if directory in self._made:
            return
        path = self._root / directory
        if not path.is_dir():
            for each in (path.parent.parent, path.parent, path):  # one by one: `parents` would forget the mode
                each.mkdir(mode=0o700, exist_ok=True)
                self._sync_directory(each.parent)
        self._made.add(directory)

    @staticmethod
    def _sync_directory(path: str | Path) -> None:
        sync_directory(path)


def sync_directory(path: str | Path) -> None:
    """Bring the names in a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(directory: Path) -> None:
    """Bring everything on a directory's file system to the disk (syncfs, or sync where that is not to be had)."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _LIBC.syncfs(descriptor) != 0:
            problem = ctypes.get_errno()
            if problem != errno.ENOSYS:
                raise OSError(problem, os.strerror(problem))
            os.sync()
    finally:
        os.close(descriptor)


def _copy(source: int, target: int, offset: int, length: int) -> int:
    """Copy some octets to the end of a file, in the kernel where the file system can."""
    try:
        copied = os.copy_file_range(source, target, length, offset)
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
        chunk = os.pread(source, min(length, CHUNK_BYTES), offset)
        _write_all(target, chunk)
        copied = len(chunk)
    if copied == 0:
        raise OSError(errno.EIO, "the spool is shorter than it was written")
    return copied


def _write_all(descriptor: int, chunk: bytes | memoryview) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]
