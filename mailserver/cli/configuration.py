"""Look at the configuration: whether it can be used, what it says, and what it may say."""

import json
from collections.abc import Iterator
from typing import Any

import click
import orjson

from mailserver.cli.connection import Operator
from mailserver.settings.configuration import Settings


@click.group("config")
def config() -> None:
    """Check and show the configuration."""


@config.command()
@click.pass_obj
def check(operator: Operator) -> None:
    """Read file and environment as `serve` does; exit 78 with the key and how to mend it where they cannot be used."""
    loaded = operator.settings()
    if operator.as_json:
        click.echo(orjson.dumps({"ok": True, "hostname": loaded.hostname, "data_dir": str(loaded.data_dir)}).decode())
    else:
        click.echo(f"The configuration of {loaded.hostname} can be used; its data is in {loaded.data_dir}.")


@config.command()
@click.option("--changed", is_flag=True, help="Only what is not the default.")
@click.pass_obj
def show(operator: Operator, changed: bool) -> None:
    """Print every key with the value that is used, whoever set it; secrets are masked."""
    found = operator.settings().model_dump(mode="json")
    if changed:
        usual = Settings.model_construct().model_dump(mode="json")
        found = {name: kept for name, value in found.items() if (kept := _other(value, usual.get(name))) is not None}
    if operator.as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    for name, value in _flat(found):
        click.echo(f"{name} = {json.dumps(value, ensure_ascii=False)}")


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors that complete and check TOML."""
    click.echo(orjson.dumps(Settings.model_json_schema(), option=orjson.OPT_INDENT_2).decode())


def _other(value: Any, usual: Any) -> Any:
    """What of a value is not as usual; None where all is."""
    if isinstance(value, dict) and isinstance(usual, dict):
        return {name: inner for name, inner in value.items() if inner != usual.get(name)} or None
    return None if value == usual else value


def _flat(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value
