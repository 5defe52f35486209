"""The data directory as a whole: who holds it, and whether it may be used."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DATABASE = "mailserver.db"
RESTORED = "restored"  # a backup that is about to take the place of what is here


class DataDirectoryProblem(Exception):
    """The data directory cannot be used; the sentence says why and what to do."""


class DataDirectoryInUse(DataDirectoryProblem):
    """Another process has the data directory open."""


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the directory, made where it is missing: two processes that write it would undo each other."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        give_to_owner(descriptor, directory)
    except OSError as error:
        raise DataDirectoryProblem(
            f"The data directory {directory} cannot be used: {error.strerror}. "
            "Set data_dir to a directory that the server's user may write."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataDirectoryInUse(
                f"The data directory {directory} is in use by another mailserver process. Stop that one first."
            ) from error
        yield
    finally:
        os.close(descriptor)


def give_to_owner(descriptor: int, directory: Path) -> None:
    """Make a file the directory's owner's, where root has just made it: the server could not open it.

    Opened with O_NOFOLLOW: what the owner may have laid there leads root to no other file.
    """
    made = os.fstat(descriptor)
    if os.geteuid() == 0 and made.st_uid == 0 and _is_one(made):
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def give_tree(top: Path, user_id: int, group_id: int) -> None:
    """Make a directory with all that is in it somebody's, or a file; no link in it leads root elsewhere."""
    for _, rooms, names, room in os.fwalk(top, follow_symlinks=False):
        for name in (*rooms, *names):
            if _is_one(os.stat(name, dir_fd=room, follow_symlinks=False)):
                os.chown(name, user_id, group_id, dir_fd=room, follow_symlinks=False)
    if _is_one(top.lstat()):
        os.chown(top, user_id, group_id, follow_symlinks=False)


def _is_one(found: os.stat_result) -> bool:
    """Whether it is known by no other name, under which it may be somebody else's."""
    return stat.S_ISDIR(found.st_mode) or found.st_nlink == 1


def refuse_half_restored(directory: Path) -> None:
    """DataDirectoryProblem where a restore broke off between the old content and the new."""
    if (directory / RESTORED).exists():
        raise DataDirectoryProblem(
            f"A restore into {directory} broke off before its end. Run the same mailserver restore again to finish it."
        )
