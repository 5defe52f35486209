"""What the documents of setting up, DNS and the doctor say is what the commands take."""

import re
import shlex
from pathlib import Path

import click
import pytest

from mailserver.cli import doctor
from mailserver.cli.main import main

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
COMMANDS = [
    line
    for name in ("setup", "dns", "doctor")
    for block in BLOCK.findall((DOCS / f"{name}.md").read_text())
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("mailserver ")
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_documented_command_is_one_that_is_taken(line):
    command: click.Command = main
    arguments = shlex.split(line)[1:]
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, arguments.pop(0))
        assert found is not None, line
        command = found
    command.make_context(command.name, arguments, parent=context)


def test_every_check_is_explained():
    rows = re.findall(r"^\| `([a-z-]+)` \|", (DOCS / "doctor.md").read_text(), re.MULTILINE)
    assert tuple(rows) == doctor.CHECKS
