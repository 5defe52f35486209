"""The npm client `agentmail`, unchanged, over its main paths against a real appliance.

There is no test of the MCP servers: the open one is not to be had from npm (`npm view agentmail-mcp` is 404), and the
hosted one has its address built in.
"""

import asyncio
import os
import re
from pathlib import Path

import pytest

from tests.support import npm
from tests.support.server import running_server

VERSION = "0.5.27"
RUN_SECONDS = 120
SCRIPT = Path(__file__).with_name("agentmail_npm.mjs")
STEPS = re.findall(r"^  async (\w+)\(\) \{$", SCRIPT.read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """A directory with the client in it."""
    return npm.installed(tmp_path_factory.mktemp("npm"), f"agentmail@{VERSION}")


async def test_the_npm_client_works_by_changing_only_the_base_url(package, tmp_path):
    async with running_server(tmp_path / "server") as server:
        process = await asyncio.create_subprocess_exec(
            "node", str(SCRIPT), f"{server.http}/agent", server.account["api_key"], "local.test",
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
        assert len(STEPS) >= 10
