"""Write an inbox down for other programs."""

import asyncio
import sys
from pathlib import Path

import click

from mailserver.cli import exits, progress, talking
from mailserver.cli.accounts import show
from mailserver.cli.connection import Operator
from mailserver.transfer.exporting import Export, TargetTaken, TargetUnwritable, Written
from mailserver.transfer.target import TargetRefused

_inbox = click.option("--inbox", required=True, metavar="ADDRESS", help="The inbox that is written down.")


@click.group("export")
def exporting() -> None:
    """Write an inbox down for other programs: every folder, with flags and dates.

    The directory must be empty. An export that broke off goes on where it is run again.
    """


@exporting.command("maildir")
@click.argument("directory", type=click.Path(path_type=Path))
@_inbox
@click.pass_obj
def maildir(operator: Operator, directory: Path, inbox: str) -> None:
    """Export as Maildir++, as Dovecot, Courier and mutt read it."""
    _run(operator, directory, inbox, "maildir")


@exporting.command("mbox")
@click.argument("directory", type=click.Path(path_type=Path))
@_inbox
@click.pass_obj
def mbox(operator: Operator, directory: Path, inbox: str) -> None:
    """Export as files in the form mboxrd, one a folder."""
    _run(operator, directory, inbox, "mbox")


def _run(operator: Operator, directory: Path, inbox: str, form: str) -> None:
    async def work() -> Written:
        files = operator.settings().data_dir / "mail"
        async with talking.talking(operator) as ask:
            with progress.shown(as_json=operator.as_json) as watching:
                return await Export(ask, inbox, files, directory, form, watching).run()

    try:
        done = asyncio.run(work())
    except TargetTaken as problem:
        exits.fail(exits.CANNOT_CREATE, str(problem))
    except TargetUnwritable as problem:
        exits.fail(exits.IO, f"{problem} Run the same command again to go on.")
    except TargetRefused as refusal:
        exits.fail(exits.of_error(refusal.name), str(refusal))
    answer = {"inbox": inbox, "exported": done.exported, "there": done.there, "gone": done.gone}
    if operator.as_json:
        show(operator, answer | {"damaged": done.damaged, "keywords_left_out": sorted(done.left_out)})
    else:
        click.echo(f"{inbox}: {done.exported:,} exported, {done.there:,} there already")
    if done.left_out:
        names = " ".join(sorted(done.left_out))
        click.echo(f"mailserver: A Maildir has room for 26 keywords a folder; left out: {names}", err=True)
    for message in done.damaged:
        click.echo(
            f"mailserver: {message} is damaged in the store and was not exported; see mailserver verify.", err=True
        )
    if done.damaged:
        sys.exit(exits.CHECK_FAILED)
