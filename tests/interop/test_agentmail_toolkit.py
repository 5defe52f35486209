"""`agentmail-toolkit` from PyPI, unchanged: what LangChain agents do with mail, against a real appliance."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import running_server

TOOLKIT = "agentmail-toolkit==0.3.2"
# What its tools import; the adapters of other frameworks need much more and are not used here.
ALONE = (TOOLKIT, "filetype", "pymupdf", "python-docx")
WHOLE = ("langchain>=1.1,<2", "lxml")
INSTALL_SECONDS = 240
RUN_SECONDS = 180
SCRIPT = Path(__file__).with_name("agentmail_tools.py")
FAILS = [("agent_verify", "error"), ("delete_inbox", "success"), ("get_inbox", "error")]


@pytest.fixture(scope="session")
def toolkit(tmp_path_factory):
    """A directory with the toolkit in it."""
    directory = tmp_path_factory.mktemp("toolkit")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(directory)]
    for wanted in ((*WHOLE,), ("--no-deps", *ALONE)):
        try:
            subprocess.run([*pip, *wanted], check=True, capture_output=True, timeout=INSTALL_SECONDS, text=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"{TOOLKIT} cannot be had from PyPI: {(error.stderr or str(error))[-200:]}")
    return directory


@pytest.mark.timeout(2 * INSTALL_SECONDS + RUN_SECONDS + 60)
async def test_every_tool_does_what_it_says(tmp_path, toolkit):
    async with running_server(tmp_path) as server:
        base, key = f"{server.http}/agent", server.account["api_key"]
        path = os.pathsep.join(str(each) for each in (toolkit, os.environ.get("PYTHONPATH", "")) if each)
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(SCRIPT), base, key, env=os.environ | {"PYTHONPATH": path, "LANGSMITH_TRACING": "false"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(RUN_SECONDS):
            stdout, stderr = await process.communicate()
        assert process.returncode == 0, stderr.decode()[-3000:]
        said = [json.loads(line) for line in stdout.splitlines()]
        assert {each["tool"] for each in said} == {
            "create_inbox", "get_inbox", "list_inboxes", "send_message", "list_threads", "get_thread", "get_attachment",
            "reply_to_message", "forward_message", "update_message", "agent_verify", "delete_inbox",
        }  # fmt: skip
        assert [each for each in said[:-3] if each["status"] != "success"] == []
        assert [(each["tool"], each["status"]) for each in said[-3:]] == FAILS
        for refused in (said[-3], said[-1]):
            assert "404" in refused["said"] or "not_found" in refused["said"] or "no such" in refused["said"], refused
