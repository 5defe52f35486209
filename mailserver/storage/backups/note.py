"""A note in the data directory about the last backup that was taken of it."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from mailserver.storage import data_directory

NAME = "last-backup.json"


@dataclass(frozen=True, slots=True)
class Note:
    """When the last backup was whole, and where it lies."""

    finished_at: int
    path: str
    messages: int


def write(data: Path, note: Note) -> None:
    """Leave the note; a reader sees the old one or the new one."""
    unfinished = data / f"{NAME}.new"
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(unfinished, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        data_directory.give_to_owner(descriptor, data)
        file.write(orjson.dumps(asdict(note)))
    unfinished.rename(data / NAME)


def read(data: Path) -> Note | None:
    """The note; None where there is none that can be read."""
    try:
        found = orjson.loads((data / NAME).read_bytes())
        return Note(int(found["finished_at"]), str(found["path"]), int(found["messages"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
