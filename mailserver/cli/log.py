"""Change how much the running server logs."""

import click

from mailserver.cli import exits
from mailserver.cli.accounts import show
from mailserver.cli.connection import Operator
from mailserver.cli.log_level import LEVELS


@click.group()
def log() -> None:
    """See and change how much the running server logs."""


@log.command("level")
@click.argument("level", type=click.Choice(LEVELS), required=False)
@click.option("--for", "seconds", type=click.FloatRange(1, 7 * 86_400), help="Go back by itself after so many seconds.")
@click.pass_obj
def log_level(operator: Operator, level: str | None, seconds: float | None) -> None:
    """Log from LEVEL on, until the server starts anew or for some time; show the level where none is named."""
    if seconds is not None and level is None:
        exits.fail(exits.USAGE, "Say which level is meant for that time.")
    answer = operator.ask("log.level", level=level, seconds=seconds)
    if answer is None:
        exits.fail(exits.NOT_RUNNING, "No server runs; its level is log.level of the configuration.")
    if operator.as_json:
        show(operator, answer)
    else:
        left = answer["seconds_left"]
        click.echo(answer["level"] + (f", for {left:.0f} more seconds" if left is not None else ""))
