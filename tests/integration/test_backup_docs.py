"""Every command of docs/backup.md is run, in its order."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.integration.test_story_api import compose, deliver
from tests.support.server import CommandFailed, running_server

PAGE = Path(__file__).parents[2] / "docs" / "backup.md"
SHOWN = re.compile(r"^mailserver (.*)$", re.MULTILINE)


async def test_the_commands_of_the_page_do_what_it_says(tmp_path):
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    commands = [line for block in blocks for line in SHOWN.findall(block)]
    assert len(commands) == 6
    assert {line.split()[0] for line in commands if not line.startswith("--")} == {"backup", "verify", "restore"}
    async with running_server(tmp_path) as server:
        await asyncio.to_thread(deliver, server, compose("kept"))
        for line in commands:
            arguments = line.replace("/var/backups/mailserver", str(tmp_path / "target")).split()
            if arguments[0] == "restore":
                await server.stop()
                server.environment["MAILSERVER_DATA_DIR"] = str(tmp_path / "new" / "data")
            answer = await server.command(*(each for each in arguments if each != "--json"))
            assert answer.get("ok", True), line
            assert answer["messages"] == 1
        await server.start()
        with pytest.raises(CommandFailed, match="exit 75"):
            await server.command("restore", str(tmp_path / "target"), "--yes")
