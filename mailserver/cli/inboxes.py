"""Add, list, limit and remove inboxes."""

from pathlib import Path
from typing import Any

import click

from mailserver.cli import accounts, exits, sizes
from mailserver.cli.connection import Operator


@click.group()
def inbox() -> None:
    """Add, list, limit and remove inboxes."""


@inbox.command("add")
@click.argument("address")
@click.option("--display-name", help="The name that stands before the address in From.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that holds the password.")
@click.pass_obj
def inbox_add(operator: Operator, address: str, display_name: str | None, password_file: Path | None) -> None:
    """Make an inbox on one of our domains, with a password for SMTP and JMAP."""
    password = accounts.password_from(password_file)
    accounts.show(operator, operator.run("inbox.add", address=address, display_name=display_name, password=password))


@inbox.command("list")
@click.option("--tenant", help="The tenant (org_…) whose inboxes are listed.")
@click.pass_obj
def inbox_list(operator: Operator, tenant: str | None) -> None:
    """List inboxes with what they hold, of what they may."""
    rows = operator.run("inbox.list", tenant=tenant)
    if operator.as_json:
        accounts.show(operator, rows)
        return
    for row in rows:
        click.echo(f"{row['address']:40} {row['status']:8} {held(row)}")


@inbox.command("passwd")
@click.argument("address")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that holds the new password.")
@click.pass_obj
def inbox_passwd(operator: Operator, address: str, password_file: Path | None) -> None:
    """Give an inbox another password."""
    password = accounts.password_from(password_file)
    accounts.show(operator, operator.run("inbox.passwd", address=address, password=password))


@inbox.command("limit")
@click.argument("address")
@click.option("--bytes", "octets", type=sizes.Size(), help="Such as 500M or 20G; `none`, or `default`.")
@click.option("--messages", type=sizes.Number(), help="A number; `none`, or `default`.")
@click.option("--trash-days", type=sizes.Number(), help="Days that mail stays in Trash; `none` is for ever.")
@click.option("--junk-days", type=sizes.Number(), help="Days that mail stays in Junk; `none` is for ever.")
@click.pass_obj
def inbox_limit(
    operator: Operator, address: str, octets: int | None, messages: int | None, trash_days: int | None,
    junk_days: int | None,
) -> None:  # fmt: skip
    """Say how much an inbox holds, and how long its Trash and Junk are kept. A full one answers 452 to senders.

    Without options it says what is so.
    """
    answer = operator.run(
        "inbox.limit", address=address, bytes=octets, messages=messages, trash_days=trash_days, junk_days=junk_days
    )
    accounts.show(operator, answer)


@inbox.command("rm")
@click.argument("address")
@click.option("--force", is_flag=True, help="Drop what it has sent and is still on its way.")
@click.option("--purge", is_flag=True, help="Wait until its mail is gone; else a job takes it away.")
@click.option("--yes", is_flag=True, help="Do it: the inbox, its mail and its tokens are deleted.")
@click.pass_obj
def inbox_remove(operator: Operator, address: str, force: bool, purge: bool, yes: bool) -> None:
    """Remove an inbox with all of its mail; the address is free at once."""
    if not yes:
        exits.fail(exits.USAGE, f"This deletes {address} with all of its mail; add --yes to do it.")
    accounts.show(operator, operator.run("inbox.rm", address=address, force=force, purge=purge))


@click.group()
def tenant() -> None:
    """List tenants, and say how much their inboxes hold together."""


@tenant.command("list")
@click.pass_obj
def tenant_list(operator: Operator) -> None:
    """List tenants with what they hold, of what they may."""
    rows = operator.run("tenant.list")
    if operator.as_json:
        accounts.show(operator, rows)
        return
    for row in rows:
        click.echo(f"{row['tenant_id']:24} {row['name']:40} {held(row)}")


@tenant.command("limit")
@click.argument("name", required=False)
@click.option("--bytes", "octets", type=sizes.Size(), help="Such as 500M or 20G; `none` is no limit.")
@click.option("--messages", type=sizes.Number(), help="A number; `none` is no limit.")
@click.pass_obj
def tenant_limit(operator: Operator, name: str | None, octets: int | None, messages: int | None) -> None:
    """Say how much all inboxes of a tenant (NAME, org_…) hold together."""
    accounts.show(operator, operator.run("tenant.limit", tenant=name, bytes=octets, messages=messages))


def held(row: dict[str, Any]) -> str:
    """What is held, of how much: 1.2 GB of 20.0 GB, 3,412 messages."""
    most = f" of {sizes.shown(row['most_bytes'])}" if row["most_bytes"] else ""
    count = f" of {row['most_messages']:,}" if row["most_messages"] else ""
    full = "  FULL" if row["full"] else ""
    return f"{sizes.shown(row['used_bytes'])}{most}, {row['messages']:,}{count} messages{full}"
