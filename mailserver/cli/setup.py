"""Set a machine up as a mail server."""

import os
import sys
from pathlib import Path
from typing import Any

import click
import orjson

from mailserver.cli import accounts, exits, watching
from mailserver.cli.connection import Operator
from mailserver.cli.installing import configuring, machine, premises, units
from mailserver.cli.installing.configuring import AnotherConfiguration
from mailserver.cli.installing.machine import CommandFailed
from mailserver.cli.installing.plan import CONFIGURATION, DATA, UNITS, Plan, Step, Web, below
from mailserver.cli.installing.premises import Unsuitable
from mailserver.cli.installing.supervision import SYSTEMD
from mailserver.settings.loading import SettingsProblem

WATCH_SECONDS = 15.0
LONGEST_WATCH_SECONDS = 86_400.0


@click.command()
@click.argument("host")
@click.option("--domain", help="The first mail domain. Default: HOST without its first label.")
@click.option("--address", help="The first inbox, on that domain; its owner logs in with it.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that holds the owner's password.")
@click.option(
    "--config", type=click.Path(path_type=Path), help=f"The configuration to write.  [default: {CONFIGURATION}]"
)
@click.option("--data-dir", type=click.Path(path_type=Path), help=f"Where everything is kept.  [default: {DATA}]")
@click.option("--web", type=click.Choice([each.value for each in Web]), help="direct: port 443 here; proxy: 8080.")
@click.option("--acme-contact", help="Get certificates by ACME; you have read its terms, and agree. Told of trouble.")
@click.option("--root", type=click.Path(path_type=Path), help="Write nothing outside of this directory.")
@click.option("--no-systemd", is_flag=True, help="Install no units.")
@click.option("--no-watch", is_flag=True, help="End without waiting for the records in DNS.")
@click.option("--non-interactive", is_flag=True, help="Ask nothing.")
@click.option("--yes", is_flag=True, help="Write the configuration anew where one is there.")
@click.pass_obj
def setup(operator: Operator, /, host: str, **given: Any) -> None:
    """Set this machine up as the mail server HOST, and print what DNS has to say.

    Run again, it finds what is there and changes nothing.
    """
    asks = not given["non_interactive"] and sys.stdin.isatty()
    try:
        plan = _plan(operator, host, given)
        trouble = premises.examined(plan, over=given["yes"])
        for sentence in trouble:
            click.echo(f"note: {sentence}", err=True)
        steps = _files(plan, over=given["yes"])
        steps.append(_account(plan, given["address"], given["password_file"], asks=asks))
        steps += _service(plan)
        zone = _zone(plan)
    except (Unsuitable, AnotherConfiguration) as problem:
        exits.fail(exits.CANNOT_CREATE, str(problem))
    except SettingsProblem as problem:
        exits.fail(exits.CONFIGURATION, f"{problem} Or have it written anew with --yes.")
    except CommandFailed as problem:
        exits.fail(problem.code, str(problem))
    except PermissionError as error:
        exits.fail(exits.PERMISSION, f"{error.filename}: {error.strerror}. Run this as root, or with --root DIRECTORY.")
    except OSError as error:
        exits.fail(exits.IO, f"The machine cannot be set up: {error}.")
    if operator.as_json:
        click.echo(orjson.dumps(_document(plan, steps, zone), option=orjson.OPT_INDENT_2).decode())
        return
    _tell(plan, steps, zone["text"])
    if not given["no_watch"]:
        _watch(plan)


def _plan(operator: Operator, host: str, given: dict[str, Any]) -> Plan:
    name = host.strip().rstrip(".").lower()
    root = given["root"].absolute() if given["root"] else None
    is_whole_machine = root is None and os.geteuid() == 0
    if root is None and not is_whole_machine and not ((given["config"] or operator.config) and given["data_dir"]):
        raise Unsuitable(
            "Setting up a machine takes root. Without it name --config and --data-dir, or --root DIRECTORY."
        )
    domain = (given["domain"] or name.partition(".")[2]).strip().rstrip(".").lower()
    if "." not in name or not domain:
        raise Unsuitable(f"{host!r} is no full name of a host, such as mail.example.com.")
    web = Web(given["web"]) if given["web"] else premises.usual_web(is_whole_machine=is_whole_machine)
    return Plan(
        host=name, domain=domain, root=root, web=web, acme_contact=given["acme_contact"],
        config=below(root, given["config"] or operator.config or CONFIGURATION),
        data=below(root, given["data_dir"] or DATA), units=below(root, UNITS),
        user=machine.server_user() if is_whole_machine else None,
        uses_systemd=not given["no_systemd"] and (root is not None or (is_whole_machine and SYSTEMD.is_dir())),
    )  # fmt: skip


def _files(plan: Plan, *, over: bool) -> list[Step]:
    """User, directories and configuration."""
    steps = [*machine.make_user(plan), *machine.make_directories(plan)]
    steps.append(configuring.write(plan, machine.group(plan), over=over))
    if not machine.is_reachable(plan):
        raise Unsuitable(
            f"The server's user cannot run {sys.prefix}. Install the program where everybody may read it, "
            "such as /opt/mailserver: python3 -m venv /opt/mailserver"
        )
    return steps


def _account(plan: Plan, address: str | None, password_file: Path | None, *, asks: bool) -> Step:
    """The domain with its keys, the owner and the inbox."""
    known = {row["domain"] for row in machine.command(plan, "domain", "list")}
    step = Step(f"the domain {plan.domain}, its owner and an inbox", is_new=plan.domain not in known)
    if not step.is_new and password_file is None:
        return step
    if address is None:
        if not asks:
            raise CommandFailed(exits.USAGE, f"Name the first inbox: --address you@{plan.domain}")
        address = click.prompt(
            f"The address of the first inbox, which its owner logs in with (…@{plan.domain})", err=True
        )
    if password_file is None and not asks:
        raise CommandFailed(exits.USAGE, "Name a file that holds the owner's password: --password-file FILE")
    password = accounts.password_from(password_file)
    machine.command(
        plan, "bootstrap", "--domain", plan.domain, "--address", str(address), "--password-file", "-",
        stdin=password.encode(),
    )  # fmt: skip
    return step


def _service(plan: Plan) -> list[Step]:
    if not plan.uses_systemd:
        return []
    steps = units.install(plan)
    if plan.root is not None:  # for another machine, or for a look
        return steps
    return [*steps, units.enable(units.systemctl, steps)]


def _zone(plan: Plan) -> dict[str, Any]:
    """The records, with that of the certificate: the first look makes one where there is none."""
    found: dict[str, Any] = machine.command(plan, "dns", "zone", plan.domain, "--prepare")
    return found


def _document(plan: Plan, steps: list[Step], zone: dict[str, Any]) -> dict[str, Any]:
    return {
        "host": plan.host,
        "domain": plan.domain,
        "config": str(plan.config),
        "data_dir": str(plan.data),
        "steps": [{"what": step.what, "new": step.is_new} for step in steps],
        "start": _start(plan),
        "records": zone["records"],
        "zone": zone["text"],
    }


def _tell(plan: Plan, steps: list[Step], zone: str) -> None:
    for step in steps:
        click.echo(f"{'made ' if step.is_new else 'found'}  {step.what}", err=True)
    if not any(step.is_new for step in steps):
        click.echo("Everything was there; nothing was changed.", err=True)
    if not plan.uses_systemd or plan.root is not None:
        click.echo(f"Start the server with: {_start(plan)}", err=True)
    click.echo(f"Publish these records at the name servers of {plan.domain}:\n", err=True)
    click.echo(zone)
    named = "" if plan.config == CONFIGURATION else f" --config {plan.config}"
    click.echo(f"See how all stands: mailserver{named} doctor", err=True)


def _start(plan: Plan) -> str:
    if plan.uses_systemd and plan.root is None:
        return "systemctl start mailserver"
    return f"mailserver --config {plan.config} serve"


def _watch(plan: Plan) -> None:
    """Until DNS is right, or somebody has seen enough: what is set up stays either way."""
    try:
        rows = watching.until_right(
            Operator(plan.config, as_json=False), plan.domain, WATCH_SECONDS, LONGEST_WATCH_SECONDS
        )
    except KeyboardInterrupt:
        click.echo(f"\nLook again with: mailserver dns check {plan.domain} --watch", err=True)
        return
    if not watching.is_right(rows):
        sys.exit(exits.CHECK_FAILED)
    click.echo(f"DNS is right for {plan.domain}.", err=True)
