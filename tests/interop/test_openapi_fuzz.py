"""schemathesis reads the served OpenAPI document and asks a live server everything that it allows, and more.

Whatever comes, no answer says that the server is at fault. The generated input is the same in every run.
"""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.support import fuzzing
from tests.support.scene import scene

PROGRAM = Path(sys.executable).with_name("schemathesis")
EXAMPLES = 60 if fuzzing.IS_LONG else 5  # of each endpoint
RUN_SECONDS = 3_000 if fuzzing.IS_LONG else 240  # 20 on a machine that does nothing else
pytestmark = pytest.mark.timeout(RUN_SECONDS + 60)
LEFT_OUT = "/auth/logout/"  # the credentials would be gone


async def run(stage, directory: Path, token: str) -> tuple[int, str]:
    """Ask everything with a token; the exit code and what was said."""
    named = "".join(f'"{name}" = "{value}"\n' for name, value in stage.things.items())
    settings = directory / "schemathesis.toml"
    settings.write_text(f"[parameters]\n{named}")
    program = await asyncio.create_subprocess_exec(
        PROGRAM, "--config-file", settings, "run", f"{stage.site.base}/openapi.json",
        "--header", f"Authorization: Bearer {token}", "--checks", "not_a_server_error", "--exclude-path", LEFT_OUT,
        "--max-examples", str(EXAMPLES), "--phases", "examples,fuzzing", "--generation-deterministic",
        "--continue-on-failure", "--request-timeout", "20", "--no-color",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=directory,
    )  # fmt: skip
    async with asyncio.timeout(RUN_SECONDS):
        said, _ = await program.communicate()
    return program.returncode or 0, said.decode()


@pytest.mark.parametrize("who", ["a1", "a session", "a key"])
async def test_nothing_that_is_asked_breaks_the_server(tmp_path, who):
    async with scene(tmp_path) as stage:
        code, said = await run(stage, tmp_path, stage.site.tokens[who])
    failures = said[said.find("FAILURES") :] if "FAILURES" in said else said
    assert code == 0, failures
    generated = re.search(r"(\d+) generated", said)
    assert generated is not None, said
    assert int(generated[1]) > 500, said
