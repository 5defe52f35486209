"""The database file of a data directory, opened beside the server or while it is stopped."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def reading(data: Path) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing; it is closed at the end."""
    with closing(sqlite3.connect(f"file:{data}/mailserver.db?mode=ro", uri=True)) as connection:
        yield connection


@contextmanager
def writing(data: Path) -> Iterator[sqlite3.Connection]:
    """A connection whose changes are committed at the end, where it is closed."""
    with closing(sqlite3.connect(data / "mailserver.db")) as connection, connection:
        yield connection
