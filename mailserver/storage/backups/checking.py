"""Check a backup without putting it back: that all of it is there, and is what was written."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.storage.backups import databases, manifest
from mailserver.storage.backups.manifest import BackupDamaged, Hashed, Listed, Manifest

MOST_NAMED = 1000


@dataclass(slots=True)
class Checked:
    """What a check found. `kernel` files are those without which nothing can be put back."""

    manifest: Manifest
    missing: int = 0
    damaged: int = 0
    kernel: int = 0
    bad: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing or changed."""
        return not (self.missing or self.damaged or self.kernel)

    def note(self, path: str, what: str) -> None:
        """Something is wrong with a file."""
        self.bad.add(path)
        if len(self.examples) < MOST_NAMED:
            self.examples.append(f"{what}: {path}")


def check(directory: Path, pause: Callable[[], None], *, deep: bool) -> Checked:
    """Compare a generation with its manifest; `deep` reads every message. BackupDamaged without a whole manifest."""
    found = Checked(manifest.read(directory))
    for hashed in (*found.manifest.hashed, found.manifest.listing):
        problem = _changed(directory, hashed)
        if problem:
            found.kernel += 1
            found.note(hashed.path, problem)
    if manifest.LISTING in found.bad or manifest.DATABASE in found.bad:
        return found  # what the files are to be is not known
    with ExitStack() as stack:
        database = stack.enter_context(databases.opened(directory / manifest.DATABASE)) if deep else None
        if database is not None:
            _look_into(database, found)
        for listed in manifest.listed(directory):
            pause()
            _compare(directory, listed, database, found)
    return found


def _changed(directory: Path, hashed: Hashed) -> str | None:
    path = directory / hashed.path
    try:
        if path.stat().st_size != hashed.size or manifest.digest(path) != hashed.sha256:
            return "changed"
    except FileNotFoundError:
        return "missing"
    return None


def _look_into(database: sqlite3.Connection, found: Checked) -> None:
    (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        found.kernel += 1
        found.note(manifest.DATABASE, f"damaged ({answer})")


def _compare(directory: Path, listed: Listed, database: sqlite3.Connection | None, found: Checked) -> None:
    path = directory / listed.path
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        found.missing += 1
        found.note(listed.path, "missing")
        return
    wanted = _digest(listed.path, database) if database is not None else None
    if size != listed.size or (wanted and hashlib.sha256(path.read_bytes()).digest() != wanted):
        found.damaged += 1
        found.note(listed.path, "cut off" if size < listed.size else "changed")


def _digest(place: str, database: sqlite3.Connection) -> bytes | None:
    """What a file's checksum is to be: the database has those of messages, an upload's is its name."""
    name = place.rpartition("/")[2]
    if place.startswith("uploads/"):
        return bytes.fromhex(name) if len(name) == 64 else None
    try:
        message_id = identifiers.decode(Kind.MESSAGE, name)
    except identifiers.BadIdentifier:
        return None
    row = database.execute("SELECT blob FROM message WHERE id = ?", (message_id,)).fetchone()
    return bytes(row[0]) if row else None


def answer(directory: Path, found: Checked) -> dict[str, Any]:
    """What there is to say of a check."""
    made = found.manifest
    return {
        "generation": directory.name, "created_at": made.created_at, "program": made.program,
        "schema": made.schema[-1] if made.schema else None, "messages": made.messages, "queued": made.queued,
        "files": made.files, "bytes": made.bytes, "missing": found.missing, "damaged": found.damaged + found.kernel,
        "examples": found.examples, "ok": found.is_whole,
    }  # fmt: skip


def whole_enough(directory: Path, found: Checked, *, partial: bool) -> None:
    """BackupDamaged with the names of what is wrong, unless that is messages alone and the rest is wanted."""
    if found.is_whole or (partial and not found.kernel):
        return
    named = "; ".join(list(_first(found.examples)))
    advice = (
        "Use another generation." if found.kernel else "Use another generation, or --partial to have all that is whole."
    )
    count = found.missing + found.damaged + found.kernel
    raise BackupDamaged(f"{count} files of the backup {directory} are not as they were written: {named}. {advice}")


def _first(examples: list[str], most: int = 10) -> Iterator[str]:
    yield from examples[:most]
    if len(examples) > most:
        yield "…"
