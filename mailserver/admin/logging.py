"""The verb that changes how much the running server logs."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from mailserver.entities import errors

LEVELS = ("debug", "info", "warning", "error")
LONGEST_SECONDS = 7 * 86_400.0
Arguments = dict[str, Any]


class Level(Protocol):
    """The level of every logger."""

    name: str

    @property
    def seconds_left(self) -> float | None:
        """How long it stays, where it goes back by itself."""
        ...

    def change(self, name: str, seconds: float | None) -> None:
        """Log from this level on, for some seconds or for good."""
        ...


def table(level: Level | None) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verb by its name; there is none where no server runs."""
    if level is None:
        return {}

    async def run(given: Arguments) -> Arguments:
        name, seconds = given.get("level"), given.get("seconds")
        if name is not None:
            if name not in LEVELS:
                raise errors.Invalid(f"{name!r} is none of {', '.join(LEVELS)}.")
            if seconds is not None and not (isinstance(seconds, int | float) and 0 < seconds <= LONGEST_SECONDS):
                raise errors.Invalid(f"A level may be changed for up to {LONGEST_SECONDS:.0f} seconds.")
            level.change(name, seconds)
        left = level.seconds_left
        return {"level": level.name, "seconds_left": None if left is None else round(left, 1)}

    return {"log.level": run}
