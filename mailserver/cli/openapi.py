"""Print the OpenAPI document; no server runs for it."""

import click

from mailserver.api import mount
from mailserver.cli.accounts import show
from mailserver.cli.connection import Operator


@click.command()
@click.pass_obj
def openapi(operator: Operator) -> None:
    """Print the OpenAPI 3.1 document of every HTTP endpoint."""
    show(Operator(operator.config, as_json=True), mount.description(operator.settings().public_url))
