"""Show and renew certificates."""

import datetime as dt
import sys
from typing import Any

import click

from mailserver.cli import accounts, exits
from mailserver.cli.connection import Operator


@click.group()
def cert() -> None:
    """Show and renew the certificates of this server."""


@cert.command("status")
@click.pass_obj
def status(operator: Operator) -> None:
    """Show every certificate: its names, who signed it, when it ends, and what is wrong."""
    _show(operator, operator.run("cert.status"))


@cert.command("renew")
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="Renew what is not due, too.")
@click.option("--new-key", is_flag=True, help="Have a new key certified, once DNS shows its TLSA record.")
@click.pass_obj
def renew(operator: Operator, name: str | None, force: bool, new_key: bool) -> None:
    """Ask the authority for what is due, for NAME alone where it is given.

    The key stays, so that TLSA records stay right. With --new-key this prints the TLSA record of the next one: publish
    it beside the present one. The server looks for it every hour and switches when it has been there for two hours, or
    at once where no TLSA record is published; then the old record may go. Exit code 1: the authority refused.
    """
    rows = operator.run("cert.renew", name=name, force=force, new_key=new_key)
    _show(operator, rows)
    if any(row["last_error"] for row in rows):
        sys.exit(exits.CHECK_FAILED)


def _show(operator: Operator, rows: list[dict[str, Any]]) -> None:
    if operator.as_json:
        accounts.show(operator, rows)
        return
    for row in rows:
        _lines(row)


def _lines(row: dict[str, Any]) -> None:
    ends = f"until {_day(row['not_after_at'])}" if row["not_after_at"] else "none yet"
    signed = f" by {row['issuer']}" if row["source"] not in ("", "self-signed") else ""
    click.echo(f"{row['name']:30} {ends:18} {row['source']}{signed}")
    for name in row["names"]:
        click.echo(f"    {name}")
    for left in row["left_out"]:
        click.echo(f"    left out: {left['name']}, for {left['reason']}")
    if row["renew_at"]:
        click.echo(f"    to be renewed {_day(row['renew_at'])}")
    if row["last_error"]:
        again = f"; tried again {_time(row['next_attempt_at'])}" if row["next_attempt_at"] else ""
        click.echo(f"    refused {_time(row['last_attempt_at'])}: {row['last_error']}{again}")
    if row["next_tlsa"]:
        click.echo(f"    publish for the next key: {row['next_tlsa']}")


def _day(at: int) -> str:
    return f"{dt.datetime.fromtimestamp(at / 1000, dt.UTC):%Y-%m-%d}"


def _time(at: int) -> str:
    return f"{dt.datetime.fromtimestamp(at / 1000, dt.UTC):%Y-%m-%d %H:%M} UTC"
