"""A fresh database whose every statement leaves its query plan behind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mailserver.storage import sqlite
from mailserver.storage.database import Transaction


class Watched:
    """A connection that keeps the plan of whatever runs on it: `plans` by statement, `steps` one by one."""

    def __init__(self, connection: Any, database: Any) -> None:
        self._connection = connection
        self.database = database
        self.plans: list[tuple[str, list[str]]] = []
        self.in_transaction = True

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [(sql, step) for sql, steps in self.plans for step in steps]

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        rows = self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        self.plans.append((sql, [row[3] for row in rows]))
        return self._connection.execute(sql, parameters)

    def set_progress_handler(self, handler: Any, steps: int) -> None:
        self._connection.set_progress_handler(handler, steps)

    def executemany(self, sql: str, rows: Any) -> Any:
        return self._connection.executemany(sql, rows)


@contextmanager
def watching(directory: Path, fill: Callable[[Transaction], None] | None = None) -> Iterator[Watched]:
    """A database of the newest schema, with what `fill` puts into it."""
    made = sqlite.connect(directory / "x.db")
    sqlite.migrate(made)
    made.connect()
    connection = made.connection()
    if fill is not None:
        connection.execute("BEGIN")
        fill(Transaction(connection, made))
        connection.execute("COMMIT")
    yield Watched(connection, made)
    made.close()
