"""A directory that holds backups: one directory a generation, named by its time; whole ones only have such a name."""

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailserver.storage import files
from mailserver.storage.backups.manifest import BackupProblem

_FORM = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
_UNFINISHED, _REMOVED = ".unfinished-", ".removed-"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_RIGHT = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


class TargetUnusable(BackupProblem):
    """Backups cannot be made in this directory."""


class TargetFailed(BackupProblem):
    """Writing did not end well: there is no room, or the disk failed."""


class TargetBusy(BackupProblem):
    """Another backup is being written to this directory."""


class Generations:
    """The backups in a directory, held by this process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def newest(self) -> Path | None:
        """The last backup."""
        found = generations(self._directory)
        return found[-1] if found else None

    def begin(self) -> Path:
        """An empty directory for a new generation, under a name that no generation has."""
        for leftover in self._directory.glob(".*-*"):
            if leftover.name.startswith((_UNFINISHED, _REMOVED)):
                shutil.rmtree(leftover)
        now, newest = datetime.now(UTC), self.newest()
        if newest is not None:  # a clock that was put back must not make the newest the oldest
            now = max(now, datetime.strptime(newest.name, _FORM).replace(tzinfo=UTC) + timedelta(microseconds=1))
        made = self._directory / f"{_UNFINISHED}{now.strftime(_FORM)}"
        made.mkdir(mode=0o700)
        return made

    def publish(self, unfinished: Path) -> Path:
        """Give a generation its name, when everything of it is on the disk."""
        files.sync_file_system(unfinished)
        whole = self._directory / unfinished.name.removeprefix(_UNFINISHED)
        unfinished.rename(whole)
        files.sync_directory(self._directory)
        return whole

    def discard(self, unfinished: Path) -> None:
        """Take away what did not become a generation; what resists goes with the next backup."""
        shutil.rmtree(unfinished, ignore_errors=True)

    def prune(self, keep: int) -> list[str]:
        """Remove the oldest generations, so that this many stay; the names of those that went."""
        gone = []
        for old in generations(self._directory)[:-keep]:
            removed = old.with_name(f"{_REMOVED}{old.name}")
            old.rename(removed)  # first its name: half a backup does not look whole
            shutil.rmtree(removed)
            gone.append(old.name)
        return gone


@contextmanager
def held(target: Path, data: Path) -> Iterator[Generations]:
    """Hold a directory for a new backup, made where it is missing. TargetUnusable, TargetBusy or TargetFailed."""
    place = target.resolve()
    if place == data.resolve() or data.resolve() in place.parents:
        raise TargetUnusable(f"The target {target} lies in the data directory {data}. Name a directory outside of it.")
    with explained(target):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TargetBusy(f"Another backup is being written to {target}. Try again when it is done.") from error
        yield Generations(target)
    finally:
        os.close(descriptor)


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """A block whose OSError becomes the sentence that says what to do about the directory it writes to."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise TargetFailed(f"There is no room left in {target}. Free some space, or keep fewer backups.") from error
        if error.errno in _NO_RIGHT:
            place = error.filename or target
            raise TargetUnusable(f"{place} cannot be used: {error.strerror}. Check its owner and mode.") from error
        raise TargetFailed(f"Writing to {target} failed: {error}.") from error


def generations(target: Path) -> list[Path]:
    """The backups in a directory, the oldest first."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(each for each in target.iterdir() if _NAME.fullmatch(each.name) and each.is_dir())
    return []


def chosen(source: Path, generation: str | None) -> Path:
    """The generation of this name, the newest where none is named; BackupProblem where there is none."""
    found = generations(source)
    if generation is None and found:
        return found[-1]
    named = [each for each in found if each.name == generation]
    if named:
        return named[0]
    if generation is None:
        raise BackupProblem(f"There is no backup in {source}.")
    known = ", ".join(each.name for each in found) or "none"
    raise BackupProblem(f"There is no generation {generation} in {source}; there are: {known}.")
