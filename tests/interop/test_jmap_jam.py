"""The npm client `jmap-jam`, unchanged, over its main paths against a real appliance."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support import npm
from tests.support.ports import free_port
from tests.support.server import running_server

VERSION = "0.13.1"
RUN_SECONDS = 120
SCRIPT = Path(__file__).with_name("jmap_jam.mjs")
STEPS = re.findall(r"^  async (\w+)\(\) \{$", SCRIPT.read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """A directory with the client and our script in it: node looks for packages beside the script."""
    directory = npm.installed(tmp_path_factory.mktemp("jam"), f"jmap-jam@{VERSION}")
    shutil.copy(SCRIPT, directory)
    return directory


async def test_jam_works_unchanged(package, tmp_path):
    port = free_port()
    address = f"127.0.0.1:{port}"
    async with running_server(
        tmp_path / "server", http__listen=[address], http__public_url=f"http://{address}"
    ) as server:
        process = await asyncio.create_subprocess_exec(
            "node", SCRIPT.name, f"{server.http}/.well-known/jmap", server.account["agent_token"],
            cwd=package, env={"PATH": os.environ["PATH"], "HOME": str(package)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(RUN_SECONDS):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, f"after {out.decode().split()}:\n{err.decode()[-3000:]}\n{server.log[-1500:]}"
        assert out.decode().split() == STEPS
        assert len(STEPS) >= 9
