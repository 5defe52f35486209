"""How far an import or export is: bars on a terminal, now and again a line elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import click
import orjson

from mailserver.transfer.tally import Progress

LINE_SECONDS = 10.0  # between two lines about one folder
BARS = "mailserver.cli.progress_bars"


class Lines:
    """A line on stderr for every folder that is done, and for those that take long; as JSON where that is wanted."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._totals: dict[str, int | None] = {}
        self._done: dict[str, int] = {}
        self._told_at: dict[str, float] = {}

    def total(self, folder: str, messages: int | None) -> None:
        """A folder is begun."""
        self._totals[folder] = messages
        self._done.setdefault(folder, 0)
        self._told_at.setdefault(folder, time.monotonic())

    def done(self, folder: str, messages: int) -> None:
        """Some more messages are dealt with."""
        self._done[folder] += messages
        if time.monotonic() - self._told_at[folder] >= LINE_SECONDS:
            self._told_at[folder] = time.monotonic()
            self._tell(folder, is_finished=False)

    def finished(self, folder: str) -> None:
        """All of them are."""
        self._tell(folder, is_finished=True)

    def _tell(self, folder: str, *, is_finished: bool) -> None:
        done, total = self._done.get(folder, 0), self._totals.get(folder)
        if self._as_json:
            facts = {"folder": folder, "done": done, "total": total, "finished": is_finished}
            click.echo(orjson.dumps(facts).decode(), err=True)
        else:
            of = f" of {total:,}" if total is not None and not is_finished else ""
            click.echo(f"{folder}: {done:,}{of} messages{' done' if is_finished else ''}", err=True)


class Named:
    """The folders of one account among several."""

    def __init__(self, progress: Progress, account: str) -> None:
        self._progress = progress
        self._account = account

    def total(self, folder: str, messages: int | None) -> None:
        """A folder is begun."""
        self._progress.total(f"{self._account} {folder}", messages)

    def done(self, folder: str, messages: int) -> None:
        """Some more messages are dealt with."""
        self._progress.done(f"{self._account} {folder}", messages)

    def finished(self, folder: str) -> None:
        """All of them are."""
        self._progress.finished(f"{self._account} {folder}")


@contextmanager
def shown(*, as_json: bool) -> Iterator[Progress]:
    """Somebody who watches while the block runs."""
    if as_json or not sys.stderr.isatty():
        yield Lines(as_json=as_json)
        return
    with import_module(BARS).bars() as progress:  # takes a while to be read: only where somebody looks at it
        yield progress
