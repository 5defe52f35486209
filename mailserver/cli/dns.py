"""Show what DNS needs, and watch until it has it."""

import sys

import click

from mailserver.cli import accounts, exits, findings, watching
from mailserver.cli.connection import Operator


@click.group()
def dns() -> None:
    """Show what DNS needs, and see whether it has it."""


@dns.command("show")
@click.argument("name")
@click.pass_obj
def show(operator: Operator, name: str) -> None:
    """Print every record to publish for a domain."""
    records = operator.run("dns.show", domain=name)
    if operator.as_json:
        accounts.show(operator, records)
        return
    for record in records:
        click.echo(accounts.zone_line(record))


@dns.command("zone")
@click.argument("name")
@click.option("--prepare", is_flag=True, help="Make the certificate that the first start would make, for its record.")
@click.pass_obj
def zone(operator: Operator, name: str, prepare: bool) -> None:
    """Print a zone file's snippet for a domain, with the server's addresses and what to ask the provider for."""
    answer = operator.run("dns.zone", domain=name, prepare=prepare)
    if operator.as_json:
        accounts.show(operator, answer)
    else:
        click.echo(answer["text"], nl=False)


@dns.command("check")
@click.argument("name")
@click.option("--watch", is_flag=True, help="Look again and again until all is right.")
@click.option("--interval", type=click.FloatRange(1, 3600), default=15, show_default=True, help="Seconds between two.")
@click.option("--timeout", type=click.FloatRange(1), default=86_400, show_default=True, help="Seconds at the most.")
@click.pass_obj
def check(operator: Operator, name: str, watch: bool, interval: float, timeout: float) -> None:
    """Hold every record of a domain against what it has to be; exit 1 where one is missing or wrong."""
    if watch:
        rows = watching.until_right(operator, name, interval, timeout)
    else:
        rows = watching.look(operator, name)
        if not operator.as_json:
            findings.show(rows)
    if operator.as_json:
        accounts.show(operator, rows)
    if not watching.is_right(rows):
        sys.exit(exits.CHECK_FAILED)
