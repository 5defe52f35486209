"""What a backup says of itself: one sealed JSON file, and a list of its message files with their sizes.

The manifest is written last. A generation without a whole one is no backup.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from mailserver.storage import data_directory

NAME = "manifest.json"
LISTING = "files.list"
DATABASE = data_directory.DATABASE
FORMAT = 1
SMALL = ("keys", "tls", "quarantine", "journal", "outside")  # directories whose files are hashed one by one
LARGE = ("mail", "uploads")  # whose files never change: their sizes are listed
_CHUNK_BYTES = 1 << 20


class BackupProblem(Exception):
    """A backup cannot be taken, read or put back; the sentence says why and what to do."""


class BackupDamaged(BackupProblem):
    """The backup is not what was written; the sentence names what is missing or changed."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file that is known by its content."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that is known by its size."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a generation. `missing` files were named by the database, and not there to be copied."""

    created_at: int
    program: str
    schema: tuple[str, ...]
    is_online: bool
    messages: int
    queued: int
    missing: int
    files: int
    bytes: int
    listing: Hashed
    hashed: tuple[Hashed, ...]


def write(directory: Path, manifest: Manifest) -> None:
    """Write the manifest with its seal."""
    body = {"format": FORMAT, **asdict(manifest)}
    document = body | {"seal": _seal(body)}
    (directory / NAME).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read(directory: Path) -> Manifest:
    """The manifest of a generation; BackupDamaged where it is missing, cut off, changed, or of a later format."""
    path = directory / NAME
    try:
        document = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BackupDamaged(f"{directory} is not a backup: it has no {NAME}.") from error
    except orjson.JSONDecodeError as error:
        raise BackupDamaged(f"The manifest {path} is cut off or changed. Use another generation.") from error
    seal = document.pop("seal", None) if isinstance(document, dict) else None
    if seal is None or seal != _seal(document):
        raise BackupDamaged(f"The manifest {path} was changed after it was written. Use another generation.")
    if document.pop("format") != FORMAT:
        raise BackupProblem(f"The backup {directory} was made by a newer version. Install that version to read it.")
    return _manifest(document)


def list_files(directory: Path, files: Iterable[Listed]) -> tuple[int, int]:
    """Write the list of message files; their number, and their octets."""
    count = octets = 0
    with (directory / LISTING).open("x", encoding="utf-8") as out:
        for file in files:
            out.write(f"{file.size} {file.path}\n")
            count += 1
            octets += file.size
    return count, octets


def listed(directory: Path) -> Iterator[Listed]:
    """The files of the list, in its order. BackupDamaged at a line that names no file of a backup."""
    with (directory / LISTING).open(encoding="utf-8") as lines:
        for line in lines:
            size, _, path = line.rstrip("\n").partition(" ")
            if not (size.isdecimal() and is_place(path, LARGE)):
                raise BackupDamaged(f"The list {directory / LISTING} has a line that names no file of a backup.")
            yield Listed(path, int(size))


def is_place(path: str, rooms: Iterable[str]) -> bool:
    """Whether a path leads below one of these directories, and nowhere else."""
    parts = path.split("/")
    return parts[0] in rooms and len(parts) > 1 and all(is_name(part) for part in parts)


def is_name(part: str) -> bool:
    """Whether a file of a backup may have this name: it stands on one line, and leads nowhere."""
    return part not in ("", ".", "..") and "/" not in part and part.isprintable()


def hashed(directory: Path, path: str) -> Hashed:
    """A file as the manifest has it."""
    return Hashed(path, (directory / path).stat().st_size, digest(directory / path))


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()


def _manifest(document: dict[str, Any]) -> Manifest:
    try:
        listing = Hashed(**document.pop("listing"))
        small = tuple(Hashed(**each) for each in document.pop("hashed"))
        manifest = Manifest(**document | {"schema": tuple(document["schema"])}, listing=listing, hashed=small)
    except (KeyError, TypeError) as error:
        raise BackupDamaged(f"The manifest lacks what a backup has ({error}). Use another generation.") from error
    if listing.path != LISTING or not all(each.path == DATABASE or is_place(each.path, SMALL) for each in small):
        raise BackupDamaged("The manifest names a file that no backup has. Use another generation.")
    return manifest


def _seal(body: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
