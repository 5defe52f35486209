"""Check the store, and rebuild what can be rebuilt."""

import sys
from pathlib import Path

import click

from mailserver.cli import backup, exits
from mailserver.cli.accounts import show
from mailserver.cli.connection import Operator


@click.command()
@click.option("--deep", is_flag=True, help="Compare the checksum of every file too.")
@click.option("--backup", "source", type=click.Path(path_type=Path), help="Check a backup in this directory instead.")
@click.option("--generation", help="Which backup; the newest without it.")
@click.pass_obj
def verify(operator: Operator, deep: bool, source: Path | None, generation: str | None) -> None:
    """Compare rows with files, or a backup with its manifest; exit 1 where something is lost or damaged."""
    if source is not None:
        backup.check(operator, source, generation, deep=deep)
        return
    answer = operator.run("verify", deep=deep)
    show(operator, answer)
    if not answer["ok"]:
        sys.exit(exits.CHECK_FAILED)


@click.command()
@click.option("--adopt", is_flag=True, help="Give files that no row names their rows back, after a restored backup.")
@click.pass_obj
def reindex(operator: Operator, adopt: bool) -> None:
    """Build the search index again from the files, and correct the counts of folders."""
    show(operator, operator.run("reindex", adopt=adopt))
