"""Progress bars on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bars:
    """A bar for every folder that is being read; those that are done go."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def total(self, folder: str, messages: int | None) -> None:
        """A folder is begun."""
        if folder not in self._tasks:
            self._tasks[folder] = self._progress.add_task(escape(folder), total=messages)

    def done(self, folder: str, messages: int) -> None:
        """Some more messages are dealt with."""
        self._progress.advance(self._tasks[folder], messages)

    def finished(self, folder: str) -> None:
        """All of them are."""
        task = self._tasks.pop(folder, None)
        if task is not None:
            done = next(each.completed for each in self._progress.tasks if each.id == task)
            self._progress.remove_task(task)
            self._progress.console.print(f"{escape(folder)}: {int(done):,} messages done", highlight=False)


@contextmanager
def bars() -> Iterator[Bars]:
    """Bars while the block runs, on stderr: data goes to stdout."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bars(progress)
