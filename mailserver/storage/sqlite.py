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


class DatabaseNewer(DatabaseProblem):
    """The database was made by a newer version of the program."""

    @classmethod
    def of(cls, path: Path | str, migration: str) -> "DatabaseNewer":
        """The sentence for a database that has a migration which this program does not know."""
        return cls(
            f"The database {path} was made by a newer version (it has {migration}). "
            "Install that version, or restore a backup that this one made."
        )


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


def migrate(database: peewee.SqliteDatabase, directory: Path = MIGRATIONS) -> list[str]:
    """Bring the schema forward, as a whole or not at all; the names of what was applied. DatabaseProblem."""
    path = str(database.database)
    try:
        database.connect(reuse_if_open=True)
        runner = migrations.Runner(database, directory=str(directory))
        known = [migration.name for migration in sorted(runner.migrations())]
        newer = [name for name in runner.applied() if name not in known]
        if newer:
            raise DatabaseNewer.of(path, newer[-1])
        return _up(database, runner, known[-1])
    except (peewee.DatabaseError, sqlite3.DatabaseError) as error:
        raise problem(path, error) from error
    finally:
        if not database.is_closed():
            database.close()


def _up(database: peewee.SqliteDatabase, runner: migrations.Runner, last: str) -> list[str]:
    """Apply what is to be applied in one transaction: where one script fails, the program before can still be used."""
    try:
        with database.atomic():
            return list(runner.up())
    except Exception as error:
        raise DatabaseProblem(
            f"The database {database.database} could not be brought forward to {last}: {error!r}. "
            "It is as it was; install the version before to go on with it."
        ) from error


def problem(path: str, error: Exception) -> DatabaseProblem:
    """What a driver's error means to whoever runs the server."""
    return DatabaseProblem(_explain(path, error))


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
