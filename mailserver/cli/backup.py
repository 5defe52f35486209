"""Take backups of the data directory, check them, and put them back."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from mailserver.cli import exits, logs
from mailserver.cli.accounts import show
from mailserver.cli.connection import Operator
from mailserver.settings import loading
from mailserver.storage import data_directory
from mailserver.storage.backups import checking, generations, note, restoring, taking
from mailserver.storage.backups.generations import TargetBusy, TargetFailed, TargetUnusable
from mailserver.storage.backups.manifest import BackupProblem
from mailserver.storage.backups.note import Note
from mailserver.storage.data_directory import DataDirectoryInUse, DataDirectoryProblem

RENEW_SECONDS = 30.0


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(1, 10_000), default=7, show_default=True, help="Backups to keep there.")
@click.option("--copy", is_flag=True, help="Copy files even where the target could have hard links to them.")
@click.pass_obj
def backup(operator: Operator, target: Path, keep: int, copy: bool) -> None:
    """Add a backup to the directory TARGET, while the server runs or not.

    Message files that the last backup there has are not copied again.
    """
    logs.configure("warning", "console")
    loaded = operator.settings()
    named = (loading.file_of(operator.config), loaded.tls.certificate, loaded.tls.key)
    outside = tuple(path for path in named if path is not None)
    with explained():
        if operator.ask("backup.begin") is None:
            with data_directory.held(loaded.data_dir):
                data_directory.refuse_half_restored(loaded.data_dir)
                answer = taking.take(taking.Wish(loaded.data_dir, target, keep, not copy, outside=outside), _on)
                note.write(loaded.data_dir, Note(int(time.time() * 1000), answer["path"], answer["messages"]))
        else:
            wish = taking.Wish(loaded.data_dir, target, keep, not copy, is_online=True, outside=outside)
            answer = taking.take(wish, _Renewal(operator).look)
            operator.tell("backup.finished", path=answer["path"], messages=answer["messages"])
    show(operator, answer)
    for path in answer["left_out"]:
        click.echo(f"mailserver: {path} could not be read, and is not in the backup.", err=True)
    if answer["missing"]:
        click.echo(
            f"mailserver: {answer['missing']} message files were gone before this backup began; "
            "mailserver verify names them.",
            err=True,
        )


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--generation", help="The backup to put back; the newest without it.")
@click.option("--yes", is_flag=True, help="Do it though the data directory is not empty: what is there goes aside.")
@click.option("--partial", is_flag=True, help="Put back what is whole, though messages are missing or damaged.")
@click.pass_obj
def restore(operator: Operator, source: Path, generation: str | None, yes: bool, partial: bool) -> None:
    """Put a backup from the directory SOURCE into the data directory of a server that does not run.

    The backup is checked first, every message of it; nothing is changed where it is not whole.
    """
    logs.configure("warning", "console")
    loaded = operator.settings()
    with explained():
        wish = restoring.Wish(source, loaded.data_dir, generation, yes, partial)
        answer = restoring.restore(wish, _on)
    show(operator, answer)
    for path, place in answer.get("outside", {}).items():
        click.echo(f"mailserver: {path} was {place} on that server; copy it where it is not there.", err=True)


def check(operator: Operator, source: Path, generation: str | None, *, deep: bool) -> None:
    """Check a backup without putting it back; exit 1 where something is missing or changed."""
    with explained():
        directory = generations.chosen(source, generation)
        answer: dict[str, Any] = checking.answer(directory, checking.check(directory, _on, deep=deep))
    show(operator, answer)
    if not answer["ok"]:
        sys.exit(exits.CHECK_FAILED)


@contextmanager
def explained() -> Iterator[None]:
    """A block whose troubles end the process with their sentence and exit code."""
    try:
        yield
    except (DataDirectoryInUse, TargetBusy) as problem:
        exits.fail(exits.TEMPORARY, str(problem))
    except (DataDirectoryProblem, TargetUnusable) as problem:
        exits.fail(exits.CANNOT_CREATE, str(problem))
    except TargetFailed as problem:
        exits.fail(exits.IO, str(problem))
    except BackupProblem as problem:
        exits.fail(exits.BAD_DATA, str(problem))
    except OSError as error:
        exits.fail(exits.IO, f"The files cannot be read: {error}.")


def _on() -> None:
    """Nobody waits for us."""


class _Renewal:
    """Says to the server, now and again, that its files are still being copied."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._due_at = time.monotonic() + RENEW_SECONDS

    def look(self) -> None:
        """Say so where it is time. A server that has stopped in the meantime takes no file away."""
        if time.monotonic() >= self._due_at:
            self._operator.ask("backup.renew")
            self._due_at = time.monotonic() + RENEW_SECONDS
