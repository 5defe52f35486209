"""Show and change allow and block lists."""

from collections.abc import Callable
from typing import Any

import click

from mailserver.cli import accounts
from mailserver.cli.connection import Operator


def _placed(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whose list is meant."""
    command = click.option("--tenant", help="The tenant (org_…) whose list is meant, where there are several.")(command)
    return click.option("--inbox", help="The inbox whose own list is meant, instead of its whole tenant's.")(command)


def _listed(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which list is meant."""
    command = click.option(
        "--direction", type=click.Choice(["receive", "reply", "send"]), default="receive", show_default=True,
        help="Mail that begins a thread, answers one that the inbox knows, or leaves.",
    )(command)  # fmt: skip
    return click.option(
        "--list", "list_type", type=click.Choice(["allow", "block"]), default="block", show_default=True,
        help="An allow list with entries blocks whom it does not name.",
    )(command)  # fmt: skip


@click.group()
def rule() -> None:
    """Say who may write to us, and to whom we may write."""


@rule.command("add")
@click.argument("entry")
@_listed
@_placed
@click.option("--reason", help="Why, for whoever reads the list later.")
@click.pass_obj
def add(
    operator: Operator,
    entry: str,
    list_type: str,
    direction: str,
    inbox: str | None,
    tenant: str | None,
    reason: str | None,
) -> None:
    """Put an address, a domain, or `.domain` for what lies below it, on a list."""
    given = {"entry": entry, "list": list_type, "direction": direction, "inbox": inbox, "tenant": tenant}
    accounts.show(operator, operator.run("rule.add", **given, reason=reason))


@rule.command("rm")
@click.argument("entry")
@_listed
@_placed
@click.pass_obj
def remove(
    operator: Operator, entry: str, list_type: str, direction: str, inbox: str | None, tenant: str | None
) -> None:
    """Take an entry off a list."""
    given = {"entry": entry, "list": list_type, "direction": direction, "inbox": inbox, "tenant": tenant}
    accounts.show(operator, operator.run("rule.rm", **given))


@rule.command("list")
@_placed
@click.pass_obj
def list_rules(operator: Operator, inbox: str | None, tenant: str | None) -> None:
    """List the entries of a tenant's lists, or of an inbox's own."""
    rows = operator.run("rule.list", inbox=inbox, tenant=tenant)
    if operator.as_json:
        accounts.show(operator, rows)
        return
    for row in rows:
        click.echo(f"{row['direction']:8} {row['list']:6} {row['entry']:40} {row['reason'] or ''}".rstrip())
