"""A group of commands whose files are read only when one is asked for: a person waits for what they typed alone."""

import gc
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import click
from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """Commands by name, each as `module:function` with the first sentence of its help."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, tuple[str, str]], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, as `--help` shows them."""
        del ctx
        return list(self._lazy)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The names with their sentences."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in self._lazy.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names, and what there is beside commands."""
        found = [
            CompletionItem(name, help=sentence)
            for name, (_, sentence) in self._lazy.items() if name.startswith(incomplete)
        ]  # fmt: skip
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None where there is none."""
        del ctx
        place, _ = self._lazy.get(cmd_name, ("", ""))
        if not place:
            return None
        module, _, function = place.partition(":")
        command: click.Command = getattr(read(f"mailserver.cli.{module}"), function)
        return command


def read(name: str) -> ModuleType:
    """A module with all that it needs; the collector, which would look through what only grows, waits meanwhile."""
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()
