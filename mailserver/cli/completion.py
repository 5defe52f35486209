"""What a shell needs to complete the commands."""

import click
from click.shell_completion import get_completion_class

from mailserver.cli import exits

_VARIABLE = "_MAILSERVER_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what SHELL reads to complete commands and options: eval "$(mailserver completion bash)"."""
    kind = get_completion_class(shell)
    if kind is None:
        exits.fail(exits.UNAVAILABLE, f"There is no completion for {shell}.")
    made = kind(context.find_root().command, {}, "mailserver", _VARIABLE)
    click.echo(made.source_template % made.source_vars())  # source() would run the shell to ask for its version
