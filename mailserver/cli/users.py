"""Make, list, change and remove the people of a tenant."""

from pathlib import Path

import click

from mailserver.cli import accounts, exits
from mailserver.cli.connection import Operator

ROLES = click.Choice(["owner", "member"])


@click.group()
def user() -> None:
    """Make, list, change and remove the people who log in."""


@user.command("add")
@click.argument("email")
@click.option("--role", type=ROLES, default="member", show_default=True, help="Owners administer the tenant.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that holds the password.")
@click.option("--tenant", help="The tenant (org_…) that the person is of.")
@click.pass_obj
def user_add(operator: Operator, email: str, role: str, password_file: Path | None, tenant: str | None) -> None:
    """Make a person. Members reach every inbox of the tenant, and administer nothing."""
    password = accounts.password_from(password_file)
    accounts.show(operator, operator.run("user.add", email=email, role=role, password=password, tenant=tenant))


@user.command("list")
@click.option("--tenant", help="The tenant (org_…) whose people are listed.")
@click.pass_obj
def user_list(operator: Operator, tenant: str | None) -> None:
    """List the people of a tenant, oldest first."""
    rows = operator.run("user.list", tenant=tenant)
    if operator.as_json:
        accounts.show(operator, rows)
        return
    for row in rows:
        factor = "two factors" if row["mfa_enabled"] else "password"
        click.echo(f"{row['email']:40} {row['role']:8} {factor:12} {row['user_id']}")


@user.command("set")
@click.argument("email")
@click.option("--role", type=ROLES, help="What the person may do from now on.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that holds a new password.")
@click.option("--reset-mfa", is_flag=True, help="Take a lost second factor away.")
@click.pass_obj
def user_set(operator: Operator, email: str, role: str | None, password_file: Path | None, reset_mfa: bool) -> None:
    """Change a person's role or password, or take a lost second factor away; every login of theirs ends."""
    if role is None and password_file is None and not reset_mfa:
        exits.fail(exits.USAGE, "Say what is to change: --role, --password-file or --reset-mfa.")
    password = accounts.password_from(password_file) if password_file is not None else None
    answer = operator.run("user.set", email=email, role=role, password=password, reset_mfa=reset_mfa)
    accounts.show(operator, answer)


@user.command("rm")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do it: every login of the person ends. Their inboxes stay.")
@click.pass_obj
def user_remove(operator: Operator, email: str, yes: bool) -> None:
    """Remove a person; the last owner stays."""
    if not yes:
        exits.fail(exits.USAGE, f"This removes {email}; add --yes to do it.")
    accounts.show(operator, operator.run("user.rm", email=email))
