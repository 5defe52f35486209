"""Show and change the Sieve scripts of an inbox."""

from typing import TextIO

import click

from mailserver.cli import accounts
from mailserver.cli.connection import Operator


@click.group()
def sieve() -> None:
    """Keep Sieve scripts; the active one runs for every message that comes in."""


@sieve.command("put")
@click.argument("inbox")
@click.argument("name")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--activate", is_flag=True, help="Let it run from now on, in the place of any other.")
@click.pass_obj
def sieve_put(operator: Operator, inbox: str, name: str, file: TextIO, activate: bool) -> None:
    """Keep a script from a file, - for standard input; one of the same name gets this content."""
    script = file.read()
    accounts.show(operator, operator.run("sieve.put", inbox=inbox, name=name, script=script, activate=activate))


@sieve.command("get")
@click.argument("inbox")
@click.argument("name")
@click.pass_obj
def sieve_get(operator: Operator, inbox: str, name: str) -> None:
    """Print a script."""
    found = operator.run("sieve.get", inbox=inbox, name=name)
    if operator.as_json:
        accounts.show(operator, found)
    else:
        click.echo(found["content"], nl=False)


@sieve.command("list")
@click.argument("inbox")
@click.pass_obj
def sieve_list(operator: Operator, inbox: str) -> None:
    """List the scripts of an inbox."""
    _list(operator, operator.run("sieve.list", inbox=inbox))


@sieve.command("activate")
@click.argument("inbox")
@click.argument("name", required=False)
@click.pass_obj
def sieve_activate(operator: Operator, inbox: str, name: str | None) -> None:
    """Let one script run; without a name, none."""
    _list(operator, operator.run("sieve.activate", inbox=inbox, name=name))


@sieve.command("rm")
@click.argument("inbox")
@click.argument("name")
@click.pass_obj
def sieve_remove(operator: Operator, inbox: str, name: str) -> None:
    """Delete a script that is not active."""
    accounts.show(operator, operator.run("sieve.rm", inbox=inbox, name=name))


def _list(operator: Operator, rows: list[dict[str, object]]) -> None:
    if operator.as_json:
        accounts.show(operator, rows)
        return
    for row in rows:
        click.echo(f"{row['name']!s:40} {row['size']:>8} {'active' if row['active'] else ''}")
