"""Examine the installation."""

import sys
from typing import Any

import click
import orjson

from mailserver.admin import health
from mailserver.cli import exits, findings
from mailserver.cli.connection import Operator
from mailserver.cli.installing import secrecy, supervision
from mailserver.entities.health import Finding, Status

CHECKS = (
    "server", "host", "ports", "outbound", "certificate", "lists", "resolver", "disk", "clock", "queue", "journal",
    "webhooks", "database", "files", "permissions", "backup", "dns", "spf", "dkim", "mta-sts", "configuration",
    "systemd",
)  # fmt: skip


@click.command()
@click.argument("domain", required=False)
@click.option("--only", multiple=True, metavar="CHECK", help="Only this check, such as dns or dns.mx; may be repeated.")
@click.option("--outbound", metavar="HOST", help="A mail server to connect to, to see whether port 25 leads out.")
@click.option("--offline", is_flag=True, help="Ask nothing of the network.")
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document.")
@click.pass_obj
def doctor(
    operator: Operator, domain: str | None, only: tuple[str, ...], outbound: str | None, offline: bool, as_json: bool
) -> None:
    """Look at everything that has to be right, of one DOMAIN or of all; exit 1 where something fails.

    Nothing is changed. Beside each finding stands why it matters and how to mend it.
    """
    unknown = [name for name in only if name.partition(".")[0] not in CHECKS]
    if unknown:
        exits.fail(exits.USAGE, f"There is no check {unknown[0]}. The checks are {', '.join(CHECKS)}.")
    rows = examined(operator, domain=domain, only=only, outbound=outbound, offline=offline)
    if operator.as_json or as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    else:
        findings.show(rows)
    if any(row["status"] == "failed" for row in rows):
        sys.exit(exits.CHECK_FAILED)


def examined(operator: Operator, *, only: tuple[str, ...] = (), **wish: Any) -> list[dict[str, Any]]:
    """What the server, or this process where none runs, finds, and what only this machine's administrator sees."""
    local = [*secrecy.look(secrecy.place(operator.config)), *supervision.look()]
    if operator.is_set_up():
        rows: list[dict[str, Any]] = operator.run("doctor", only=list(only), **wish)
    else:
        rows = [health.row(_nothing(operator))]
    return rows + [health.row(each) for each in local if not only or any(each.is_of(name) for name in only)]


def _nothing(operator: Operator) -> Finding:
    why = "Without it there is nothing to look at, and a look must not make it."
    return Finding(
        "server", Status.FAILED, f"No mail server is set up in {operator.settings().data_dir}.", why,
        "mailserver setup HOST; or name the configuration of the one that is: mailserver --config FILE doctor",
    )  # fmt: skip
