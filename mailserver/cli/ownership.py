"""Whose the data directory is: what root writes in it must be its owner's, or the server could not read it."""

import os
from pathlib import Path

from mailserver.cli import exits


def is_anothers(directory: Path) -> bool:
    """Whether we are root, and the directory belongs to somebody else."""
    return os.geteuid() == 0 and directory.is_dir() and directory.stat().st_uid != 0


def become_owner(directory: Path) -> None:
    """Go on as the owner of a directory, where we are root; for good. Read every module that is needed before."""
    if is_anothers(directory):
        found = directory.stat()
        os.setgroups([])
        os.setgid(found.st_gid)
        os.setuid(found.st_uid)


def refuse_anothers(directory: Path) -> None:
    """The end with its sentence, where root would have to read or write files of its own and of the owner's at once."""
    if is_anothers(directory):
        exits.fail(
            exits.PERMISSION,
            f"No server runs, and the data directory {directory} belongs to another user. "
            "Start the server, and run the same command again.",
        )
