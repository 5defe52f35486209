"""Say which version this is, and on what it runs."""

import platform
import sqlite3

import click
import orjson

from mailserver import __version__
from mailserver.cli.connection import Operator


@click.command()
@click.pass_obj
def version(operator: Operator) -> None:
    """Print the version, and those of Python and SQLite below it, as a report of a fault names them."""
    facts = {
        "version": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    if operator.as_json:
        click.echo(orjson.dumps(facts).decode())
    else:
        click.echo("\n".join(f"{name:9} {value}" for name, value in facts.items()))
