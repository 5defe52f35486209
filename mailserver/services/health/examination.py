"""Run checks side by side, each under its own deadline. What goes wrong in one is a finding of its own."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from mailserver.entities.health import Finding, Status

AT_ONCE = 8
DEADLINE_SECONDS = 20.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at. `name` is what its findings begin with."""

    name: str
    look: Callable[[], Awaitable[list[Finding]]]
    subject: str = ""
    asks_network: bool = False
    seconds: float = DEADLINE_SECONDS

    def is_wanted(self, names: Sequence[str]) -> bool:
        """Whether one of the names means this check, a group that it is in, or a part of it."""
        return not names or any(
            self.name == name or self.name.startswith(f"{name}.") or name.startswith(f"{self.name}.") for name in names
        )


class Examination:
    """However many checks there are, no more than a few run at a time."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._bound = asyncio.Semaphore(at_once)

    async def run(self, checks: Sequence[Check], within_seconds: float = math.inf) -> list[Finding]:
        """What all of them found, in their order; what is not looked at within the time is said to be skipped."""
        ends_at = asyncio.get_running_loop().time() + within_seconds
        found = await asyncio.gather(*(self._one(check, ends_at) for check in checks))
        return [finding for findings in found for finding in findings]

    async def _one(self, check: Check, ends_at: float) -> list[Finding]:
        async with self._bound:
            left = ends_at - asyncio.get_running_loop().time()
            if left <= 0:
                return [Finding(check.name, Status.SKIPPED, "There was no time left for it.", "", "", check.subject)]
            seconds = min(check.seconds, left)
            try:
                async with asyncio.timeout(seconds):
                    return await check.look()
            except TimeoutError:
                return [
                    Finding(
                        check.name, Status.FAILED, f"There was no result within {seconds:.0f} seconds.",
                        "What takes this long does not work well.",
                        "Try again; where it stays so, look at the network, the resolver and the disk.", check.subject,
                    )
                ]  # fmt: skip
            except Exception as error:
                log.exception("health.check.failed", check=check.name, subject=check.subject)
                return [
                    Finding(
                        check.name, Status.FAILED, f"The check itself failed: {type(error).__name__}.",
                        "So nothing is known about it.", "The log of this process has the details.", check.subject,
                    )
                ]  # fmt: skip
