"""Create, list and revoke agent tokens and organisation keys."""

import datetime as dt

import click

from mailserver.cli import accounts, exits
from mailserver.cli.connection import Operator


@click.group()
def token() -> None:
    """Create, list and revoke agent tokens and API keys."""


@token.command("create")
@click.option("--inbox", "inbox_address", help="The inbox that an agent token is bound to.")
@click.option("--scopes", help="Comma-separated, such as email:read,email:send.")
@click.option("--requires-approval", help="Comma-separated scopes that wait for a person's approval.")
@click.option("--api-key", is_flag=True, help="An organisation key for the Agentry face instead.")
@click.option("--name", help="What the token is for.")
@click.option("--tenant", help="The tenant (org_…) of an organisation key.")
@click.pass_obj
def token_create(
    operator: Operator,
    inbox_address: str | None,
    scopes: str | None,
    requires_approval: str | None,
    api_key: bool,
    name: str | None,
    tenant: str | None,
) -> None:
    """Create a token; its secret is printed once and stored nowhere."""
    if api_key:
        accounts.show(operator, operator.run("token.create", api_key=True, name=name or "key", tenant=tenant))
        return
    if not inbox_address or not scopes:
        exits.fail(exits.USAGE, "An agent token needs --inbox ADDRESS and --scopes a,b; an organisation key --api-key.")
    approval = requires_approval.split(",") if requires_approval else []
    answer = operator.run(
        "token.create", inbox=inbox_address, scopes=scopes.split(","), requires_approval=approval, name=name
    )
    accounts.show(operator, answer)


@token.command("list")
@click.option("--tenant", help="The tenant (org_…) whose tokens are listed.")
@click.pass_obj
def token_list(operator: Operator, tenant: str | None) -> None:
    """List tokens and keys by the beginnings of their secrets, with when they were used last."""
    rows = operator.run("token.list", tenant=tenant)
    if operator.as_json:
        accounts.show(operator, rows)
        return
    for row in rows:
        used = row["last_used_at"]
        day = dt.datetime.fromtimestamp(used / 1000, dt.UTC).date().isoformat() if used else "never used"
        click.echo(f"{row['id']:24} {row['kind']:8} {row['prefix'] + '…':16} {day:10} {row['name']}")


@token.command("revoke")
@click.argument("token_id")
@click.option("--tenant", help="The tenant (org_…) that the token is of.")
@click.option("--yes", is_flag=True, help="Do it: whoever uses the token is refused from now on.")
@click.pass_obj
def token_revoke(operator: Operator, token_id: str, tenant: str | None, yes: bool) -> None:
    """Revoke an agent token (tok_…) or an organisation key; `token list` shows the ids."""
    if not yes:
        exits.fail(exits.USAGE, f"Whoever uses {token_id} is refused from now on; add --yes to do it.")
    accounts.show(operator, operator.run("token.revoke", id=token_id, tenant=tenant))
