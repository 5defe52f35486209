"""Waiting for what will be, in place of a moment that is long enough on a quiet machine."""

import asyncio
import inspect
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
