"""SQLite: pragmas, migrations, and what is wrong with a database file that cannot be used."""

import sqlite3
from pathlib import Path

import peewee
from playhouse import migrations

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 5
CACHE_KIB = 65_536
MMAP_BYTES = 1 << 30


class DatabaseProblem(Exception):
    """The database cannot be used; the sentence says why and what to do."""


def connect(path: Path) -> peewee.SqliteDatabase:
    """A database on a file, made where it is missing. WAL with synchronous=FULL: a commit is on the disk."""
    return peewee.SqliteDatabase(
        str(path),
        pragmas={
            "journal_mode": "wal",
            "synchronous": "full",
            "busy_timeout": BUSY_SECONDS * 1000,
            "cache_size": -CACHE_KIB,
            "mmap_size": MMAP_BYTES,
            "temp_store": "memory",
            "wal_autocheckpoint": 4000,
        },
        check_same_thread=False,
    )


def migrate(database: peewee.SqliteDatabase) -> list[str]:
    """Bring the schema forward; the names of what was applied. DatabaseProblem when that cannot be."""
    try:
        database.connect(reuse_if_open=True)
        runner = migrations.Runner(database, directory=str(MIGRATIONS))
        known = {migration.name for migration in runner.migrations()}
        newer = [name for name in runner.applied() if name not in known]
        if newer:
            raise DatabaseProblem(
                f"The database {database.database} was made by a newer version (it has {newer[-1]}). "
                "Install that version, or restore a backup that this one made."
            )
        return list(runner.up())
    except (peewee.DatabaseError, sqlite3.DatabaseError) as error:
        raise DatabaseProblem(_explain(str(database.database), error)) from error
    finally:
        if not database.is_closed():
            database.close()


def _explain(path: str, error: Exception) -> str:
    text = str(error)
    if "locked" in text:
        return f"The database {path} is locked by another program. Stop that program, then start again."
    if "not a database" in text or "malformed" in text:
        return f"The file {path} is not a usable database ({text}). Restore a backup, or move it away and run reindex."
    if "unable to open" in text or "readonly" in text:
        return f"The database {path} cannot be opened for writing ({text}). Check the owner and mode of its directory."
    if "full" in text:
        return f"The disk is full: {path} cannot be written. Free some space, then start again."
    return f"The database {path} cannot be used: {text}."
