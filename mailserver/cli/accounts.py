"""Create tenants and domains; show what DNS needs."""

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from mailserver.cli import exits
from mailserver.cli.connection import Operator


def password_from(path: Path | None) -> str:
    """The password in a file, on stdin for `-`; asked for where none is named. Never from the arguments."""
    if path == Path("-"):
        return sys.stdin.read().rstrip("\n")
    if path is None:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except UnicodeDecodeError:
        exits.fail(exits.BAD_DATA, f"The password file {path} is not UTF-8 text.")
    except OSError as error:
        exits.fail(exits.IO, f"The password file {path} cannot be read: {error.strerror}.")


def show(operator: Operator, answer: Any) -> None:
    """Print an answer: one JSON document, or its fields a line each."""
    if operator.as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    elif isinstance(answer, dict):
        for name, value in answer.items():
            text = " ".join(map(str, value)) if isinstance(value, list) else value
            click.echo(f"{name:15} {text}")


@click.command()
@click.option("--domain", required=True, help="The mail domain, such as example.com.")
@click.option("--address", required=True, help="The first inbox, on that domain; its owner logs in with it.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that holds the password.")
@click.option("--tenant", help="An existing tenant (org_…) that the domain is for; a new one is made without it.")
@click.pass_obj
def bootstrap(operator: Operator, domain: str, address: str, password_file: Path | None, tenant: str | None) -> None:
    """Make a tenant with owner, verified domain, DKIM keys, inbox and tokens.

    Run again with the same domain it changes nothing and prints the ids; tokens are printed only by the run that
    makes them.
    """
    password = password_from(password_file)
    show(operator, operator.run("bootstrap", domain=domain, address=address, password=password, tenant=tenant))


@click.group()
def domain() -> None:
    """Add, list and remove mail domains."""


@domain.command("add")
@click.argument("name")
@click.option("--tenant", help="The tenant (org_…) that the domain is for.")
@click.pass_obj
def domain_add(operator: Operator, name: str, tenant: str | None) -> None:
    """Take mail for a domain and make its DKIM keys."""
    show(operator, operator.run("domain.add", domain=name, tenant=tenant))


@domain.command("list")
@click.pass_obj
def domain_list(operator: Operator) -> None:
    """List the domains that mail is taken for."""
    answer = operator.run("domain.list")
    if operator.as_json:
        show(operator, answer)
    else:
        for row in answer:
            click.echo(f"{row['domain']:40} {row['status']:10} {row['tenant_id']}")


@domain.command("rm")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do it: keys and settings of the domain are deleted.")
@click.pass_obj
def domain_remove(operator: Operator, name: str, yes: bool) -> None:
    """Stop taking mail for a domain that has no inboxes."""
    if not yes:
        exits.fail(exits.USAGE, f"This deletes the domain {name} with its keys; add --yes to do it.")
    show(operator, operator.run("domain.rm", domain=name))


def zone_line(record: dict[str, Any]) -> str:
    """A record as a zone file has it."""
    mark = "; " if record.get("comment") else ""  # a comment, for whoever wants it
    return f"{mark}{record['name']}. 3600 IN {record['type']} {_zone_value(record['type'], record['value'])}"


def _zone_value(kind: str, value: str) -> str:
    """A TXT value in strings of at most 255 octets (RFC 1035 3.3.14)."""
    if kind != "TXT":
        return value
    return " ".join(f'"{value[start : start + 250]}"' for start in range(0, len(value), 250))
