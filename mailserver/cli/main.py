"""Parse arguments and pick the verb."""

from pathlib import Path

import click

from mailserver import __version__
from mailserver.cli.connection import Operator
from mailserver.cli.lazy import LazyGroup

COMMANDS = {
    "serve": "serve:serve",
    "localserve": "localserve:localserve",
    "demo": "demo:demo",
    "setup": "setup:setup",
    "bootstrap": "accounts:bootstrap",
    "domain": "accounts:domain",
    "inbox": "inboxes:inbox",
    "tenant": "inboxes:tenant",
    "user": "users:user",
    "token": "tokens:token",
    "dns": "dns:dns",
    "doctor": "doctor:doctor",
    "dkim": "dkim:dkim",
    "cert": "certificates:cert",
    "forward": "forwarding:forward",
    "rule": "rules:rule",
    "sieve": "scripts:sieve",
    "queue": "queue:queue",
    "sendmail": "sendmail:sendmail",
    "reports": "reports:reports",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "import": "importing:importing",
    "export": "exporting:exporting",
    "verify": "store:verify",
    "reindex": "store:reindex",
    "openapi": "openapi:openapi",
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mailserver")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document.")
@click.pass_context
def main(context: click.Context, config: Path | None, as_json: bool) -> None:
    """A mail server with an embedded API."""
    context.obj = Operator(config, as_json)
