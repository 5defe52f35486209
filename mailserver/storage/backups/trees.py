"""Files that never change, given a second name where that can be had, else copied."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from mailserver.storage.backups import manifest
from mailserver.storage.backups.manifest import Listed

_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES)
_SKIPPED = ("tmp",)  # what is being written


class Tree:
    """Puts files into a directory. Not on the disk before the file system is synced."""

    def __init__(self, directory: Path, owner: int | None = None) -> None:
        """A file that is linked has this owner; any, where None."""
        self._directory = directory
        self._owner = owner
        self._made: set[Path] = set()
        self._deaf: set[Path] = set()  # sources that no link leads to from here
        self.linked = 0
        self.copied = 0

    def put(self, place: str, links: Sequence[Path], source: Path) -> int:
        """Make a file: a link to the one of the same size below the first of `links` that has it, else a copy.

        Its size; FileNotFoundError where the source has gone.
        """
        target, size = self._directory / place, (source / place).stat().st_size
        self._make(target.parent)
        for root in links:
            if root not in self._deaf and self._link(root, place, target, size):
                self.linked += 1
                return size
        copy(source / place, target)
        self.copied += 1
        return target.stat().st_size

    def _link(self, root: Path, place: str, target: Path, size: int) -> bool:
        try:
            found = (root / place).stat()
            if found.st_size != size or self._owner not in (None, found.st_uid):
                return False
            os.link(root / place, target)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            if error.errno == errno.EXDEV:
                self._deaf.add(root)
            return False
        return True

    def _make(self, directory: Path) -> None:
        if directory in self._made or directory == self._directory:
            return
        self._make(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)
        self._made.add(directory)


def copy(source: Path, target: Path) -> None:
    """Copy a file's content, readable to its owner alone."""
    descriptor = os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out, source.open("rb") as file:
        shutil.copyfileobj(file, out, 1 << 20)


def walk(root: Path, room: str) -> Iterator[str]:
    """Every file below a directory of the root, as paths below the root, but for those being written."""
    directory = root / room
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name in _SKIPPED or entry.name.startswith("tmp.") or not manifest.is_name(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):  # a link might lead back up
            yield from walk(root, f"{room}/{entry.name}")
        elif entry.is_file():
            yield f"{room}/{entry.name}"


def put_all(tree: Tree, places: Iterator[str], links: Sequence[Path], source: Path) -> Iterator[Listed]:
    """Put file after file; those that have gone since they were seen are left out."""
    for place in places:
        try:
            yield Listed(place, tree.put(place, links, source))
        except FileNotFoundError:
            continue
