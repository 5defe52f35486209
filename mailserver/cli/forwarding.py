"""Show and change where mail goes on to."""

import click

from mailserver.cli import accounts
from mailserver.cli.connection import Operator


@click.group()
def forward() -> None:
    """Let the mail of an inbox, or of one alias, go on to another address."""


@forward.command("add")
@click.argument("inbox")
@click.argument("target")
@click.option(
    "--alias", help="Only mail to this alias of the inbox, which is made where there is none; several targets."
)
@click.option(
    "--keep-copy/--no-copy", default=None, help="Whether the inbox keeps a copy; it does unless told otherwise."
)
@click.pass_obj
def forward_add(operator: Operator, inbox: str, target: str, alias: str | None, keep_copy: bool | None) -> None:
    """Let mail go on; an inbox has one target, which takes the place of an earlier one."""
    accounts.show(operator, operator.run("forward.add", inbox=inbox, target=target, alias=alias, keep_copy=keep_copy))


@forward.command("off")
@click.argument("inbox")
@click.pass_obj
def forward_off(operator: Operator, inbox: str) -> None:
    """Keep the target of an inbox, and let no mail go there."""
    accounts.show(operator, operator.run("forward.off", inbox=inbox))


@forward.command("rm")
@click.argument("inbox")
@click.argument("target")
@click.option("--alias", help="The alias whose target it is.")
@click.pass_obj
def forward_remove(operator: Operator, inbox: str, target: str, alias: str | None) -> None:
    """Take a target away."""
    accounts.show(operator, operator.run("forward.rm", inbox=inbox, target=target, alias=alias))


@forward.command("list")
@click.pass_obj
def forward_list(operator: Operator) -> None:
    """List every inbox and alias whose mail goes on."""
    rows = operator.run("forward.list")
    if operator.as_json:
        accounts.show(operator, rows)
        return
    for row in rows:
        state = "on" if row["enabled"] else "stopped by refusals" if row["stopped_at"] else "off"
        copy = "copy" if row["keep_copy"] else "no copy"
        click.echo(f"{row['alias'] or row['inbox']:40} {row['target']:40} {state:20} {copy}")
