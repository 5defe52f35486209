"""Show and change signing keys."""

from typing import Any

import click

from mailserver.cli import accounts
from mailserver.cli.connection import Operator


@click.group()
def dkim() -> None:
    """Show and change the keys that sign a domain's mail."""


@dkim.command("list")
@click.argument("domain")
@click.pass_obj
def list_keys(operator: Operator, domain: str) -> None:
    """List the keys of a domain, with what happens to each next."""
    _show(operator, operator.run("dkim.list", domain=domain))


@dkim.command("rotate")
@click.argument("domain")
@click.option("--now", "at_once", is_flag=True, help="Sign with the new keys at once, whatever DNS shows.")
@click.pass_obj
def rotate(operator: Operator, domain: str, at_once: bool) -> None:
    """Make new keys, sign with them once DNS shows their records, and retire the old ones.

    Publish the records that this prints. The server looks for them every hour and switches when they have been there
    for an hour; the old records may go when `dkim list` says so. Run again it shows how far things are.
    """
    _show(operator, operator.run("dkim.rotate", domain=domain, at_once=at_once))


def _show(operator: Operator, rows: list[dict[str, Any]]) -> None:
    if operator.as_json:
        accounts.show(operator, rows)
        return
    for row in rows:
        click.echo(f"{row['selector']:14} {row['algorithm']:15} {row['stage']:8} {row['next']}")
    for row in rows:
        if row["stage"] == "waiting" and not row["published"]:
            click.echo(accounts.zone_line({"type": "TXT", "name": row["name"], "value": row["value"]}))
