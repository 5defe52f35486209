"""Bring the database forward at a start: never without a copy of how it was, and all the way or not at all."""

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import peewee
import structlog

from mailserver.storage import files
from mailserver.storage import sqlite as engine
from mailserver.storage.backups import databases

KEPT = 3
COPIES = "upgrades"  # the directory, inside the data directory
log = structlog.get_logger()


def bring_forward(path: Path, migrations: Path = engine.MIGRATIONS) -> peewee.SqliteDatabase:
    """The database of a file, with the schema of this program. DatabaseProblem where that cannot be.

    One that a newer program made is not touched. Where something is to be done, the file is copied first.
    """
    applied = _applied(path)
    known = {each.stem for each in migrations.glob("[0-9]*.py")}
    newer = [name for name in applied if name not in known]
    if newer:
        raise engine.DatabaseNewer.of(path, newer[-1])
    kept = _keep(path, applied[-1]) if applied and known - set(applied) else None
    database = engine.connect(path)
    done = engine.migrate(database, migrations)
    if done and kept is not None:
        log.info("storage.database.upgraded", migrations=done, before=str(kept))
    return database


def _applied(path: Path) -> list[str]:
    if not path.exists():
        return []
    try:
        return databases.schema(path)
    except sqlite3.Error as error:
        raise engine.problem(str(path), error) from error


def _keep(path: Path, version: str) -> Path:
    """Copy the database as it is beside those of earlier upgrades; where the copy lies."""
    directory = path.parent / COPIES
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = directory / f"{stamp}-{version}.db"
    unfinished = kept.with_suffix(".unfinished")
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        for leftover in directory.glob("*.unfinished*"):
            leftover.unlink()
        databases.copy(path, unfinished, _at_once)
        _sync(unfinished)
        unfinished.rename(kept)
        files.sync_directory(directory)
        for old in sorted(directory.glob("*.db"))[:-KEPT]:
            old.unlink()
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):  # what is left of it goes with the next copy
            unfinished.unlink(missing_ok=True)
        raise engine.DatabaseProblem(
            f"The database {path} is to be brought forward, and the copy that is made before that could not be written "
            f"to {directory}: {error}. Nothing was changed. Free some space, then start again."
        ) from error
    log.info("storage.database.copied", path=str(kept), bytes=kept.stat().st_size)
    return kept


def _at_once() -> None:
    """Nobody else is there who would have to be let in between two steps."""


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
