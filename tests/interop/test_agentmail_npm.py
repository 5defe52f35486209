"""The npm client `agentmail`, unchanged, over its main paths against a real appliance.

There is no test of the MCP servers: the open one is not to be had from npm (`npm view agentmail-mcp` is 404), and the
hosted one has its address built in.
"""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.server import running_server

VERSION = "0.5.27"
INSTALL_SECONDS = 120
RUN_SECONDS = 120
SCRIPT = Path(__file__).with_name("agentmail_npm.mjs")
STEPS = re.findall(r"^  async (\w+)\(\) \{$", SCRIPT.read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """A directory with the client in it, and nothing of its install scripts run."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    directory = tmp_path_factory.mktemp("npm")
    (directory / "package.json").write_text('{"private": true}')
    options = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-save")
    try:
        subprocess.run(
            [npm, "install", *options, f"agentmail@{VERSION}"],
            cwd=directory, check=True, capture_output=True, timeout=INSTALL_SECONDS, text=True,
        )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"agentmail {VERSION} cannot be had from npm: {(error.stderr or str(error))[-200:]}")
    return directory


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
