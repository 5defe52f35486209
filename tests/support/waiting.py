"""Waiting for what will be, in place of a moment that is long enough on a quiet machine."""

import asyncio
import inspect
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

LONGEST_SECONDS = 60  # nobody waits for so long but a test that fails


async def until(question: Callable[[], Any], seconds: float = LONGEST_SECONDS) -> Any:
    """Ask again and again until the answer is something."""
    async with asyncio.timeout(seconds):
        while True:
            found = question()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)


def until_listening(port: int, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Wait until a port of loopback takes connections; whether it does, and the process has not ended before."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False
