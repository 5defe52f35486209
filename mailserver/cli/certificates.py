"""Show, renew and revoke certificates, and change their keys."""

import sys
from typing import Any

import click

from mailserver.cli import accounts, certificate_lines, exits
from mailserver.cli.connection import Operator

REASONS = ("unspecified", "key-compromise", "affiliation-changed", "superseded", "cessation")
Answer = dict[str, Any]


@click.group()
def cert() -> None:
    """Show, renew and revoke the certificates of this server, and change their keys."""


@cert.command("status")
@click.pass_obj
def status(operator: Operator) -> None:
    """Show every certificate: its names, who signed it, when it ends, and what is wrong."""
    _show(operator, operator.run("cert.status"))


@cert.command("renew")
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="Renew what is not due, too.")
@click.pass_obj
def renew(operator: Operator, name: str | None, force: bool) -> None:
    """Ask the authority for what is due, for NAME alone where it is given.

    The key stays, so that TLSA records stay right; `cert rekey` changes it. Exit code 1: the authority refused.
    """
    rows = operator.run("cert.renew", name=name, force=force)
    _show(operator, rows)
    if any(row["last_error"] for row in rows):
        sys.exit(exits.CHECK_FAILED)


@cert.command("rekey")
@click.argument("name")
@click.option("--now", "at_once", is_flag=True, help="Change to the new key at once, whatever DNS shows.")
@click.option("--cancel", is_flag=True, help="Forget the key that was made ready.")
@click.pass_obj
def rekey(operator: Operator, name: str, at_once: bool, cancel: bool) -> None:
    """Give a certificate another key without breaking DANE.

    This makes the key that the certificate NAME has next, and prints its TLSA record: publish it beside the present
    one. The server looks for it every hour, and changes to the new key when it has been there for two hours, or for
    twice its time to live where that is longer; at once where no TLSA record names a key. Then the old record may go.
    Run again it shows how far things are.

    With --now senders that hold the server to TLSA records (DANE) keep their mail until the new record has reached
    them. For a key that has leaked see `cert revoke`. Exit code 1: the authority refused.
    """
    if at_once and cancel:
        exits.fail(exits.USAGE, "Either --now or --cancel.")
    answer = operator.run("cert.rekey", name=name, at_once=at_once, cancel=cancel)
    if operator.as_json:
        accounts.show(operator, answer)
    else:
        certificate_lines.rekeyed(answer)
    if answer["state"]["last_error"]:
        sys.exit(exits.CHECK_FAILED)


@cert.command("revoke")
@click.argument("name")
@click.option("--serial", help="That certificate, as `cert status` shows it, instead of the one that is served.")
@click.option("--reason", type=click.Choice(REASONS), default=REASONS[0], show_default=True, help="Why.")
@click.option("--yes", is_flag=True, help="Do it: nobody can take a revocation back.")
@click.pass_obj
def revoke(operator: Operator, name: str, serial: str | None, reason: str, yes: bool) -> None:
    """Have a certificate revoked, and get another one first.

    For a key that others may have (--reason key-compromise) a new key is made, everything on this server that has the
    old one is revoked, and the TLSA record is printed that has to take the old one's place at once: until it has,
    senders that hold the server to TLSA records (DANE) keep their mail. With any other reason the key stays. A name
    that this server is not responsible for any more gets no other certificate.

    What the authority does not answer is asked again every quarter of an hour, after a restart too: exit code 69. Run
    again within the hour this does not revoke what has taken the place. Exit code 1: the authority refused to revoke,
    or to give another certificate.
    """
    if not yes:
        which = f"the certificate {serial} of {name}" if serial else f"the certificate of {name}"
        exits.fail(exits.USAGE, f"This has the authority revoke {which} for good; add --yes to do it.")
    answer = operator.run("cert.revoke", name=name, serial=serial, reason=reason)
    if operator.as_json:
        accounts.show(operator, answer)
    else:
        certificate_lines.revoked(answer)
    state = answer["changed"]["state"]
    if not answer["is_done"] and not answer["is_refused"]:
        sys.exit(exits.UNAVAILABLE)
    if answer["is_refused"] or (state and (state["last_error"] or state["revoked_for"])):
        sys.exit(exits.CHECK_FAILED)


@cert.group("account")
def account() -> None:
    """Look after the account with the authority."""


@account.command("rekey")
@click.pass_obj
def account_rekey(operator: Operator) -> None:
    """Give the account another key; the old one is worth nothing then.

    Certificates, their keys and what DNS says stay as they are. Exit code 1: the authority refused. Exit code 69: it
    gave no answer; both keys are kept until the server has found out which one it knows.
    """
    answer = operator.run("cert.account.rekey")
    if operator.as_json:
        accounts.show(operator, answer)
    else:
        click.echo(f"The account {answer['account']} has a new key.")


def _show(operator: Operator, rows: list[Answer]) -> None:
    if operator.as_json:
        accounts.show(operator, rows)
        return
    for row in rows:
        certificate_lines.certificate(row)
