"""Parse arguments and pick the verb."""

from pathlib import Path

import click

from mailserver import __version__
from mailserver.cli import accounts, demo, dkim, forwarding, openapi, queue, reports, rules, serve, store, users
from mailserver.cli.connection import Operator


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mailserver")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document.")
@click.pass_context
def main(context: click.Context, config: Path | None, as_json: bool) -> None:
    """A mail server with an embedded API."""
    context.obj = Operator(config, as_json)


for command in (
    serve.serve,
    demo.demo,
    accounts.bootstrap,
    accounts.domain,
    accounts.inbox,
    accounts.token,
    accounts.dns,
    dkim.dkim,
    forwarding.forward,
    rules.rule,
    queue.queue,
    reports.reports,
    users.user,
    store.verify,
    store.reindex,
    openapi.openapi,
):
    main.add_command(command)
