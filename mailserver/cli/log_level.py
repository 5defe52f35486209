"""How much is logged, changeable while the server runs.

structlog makes a class whose methods below the level do nothing, and loggers are instances of it that are kept. Here
that class is one of our own, and a change of the level exchanges its methods: what is not logged still costs nothing.
"""

import asyncio
import logging
from typing import Any

import structlog

LEVELS = ("debug", "info", "warning", "error")
log = structlog.get_logger()


class LogLevel:
    """The level of every logger of the process, and the class that they are of."""

    def __init__(self, name: str) -> None:
        self.logger_class: Any = type("LeveledLogger", (structlog.make_filtering_bound_logger(logging.DEBUG),), {})
        self._usual = name
        self._back: asyncio.TimerHandle | None = None
        self.name = name
        self._use(name)

    @property
    def seconds_left(self) -> float | None:
        """How long it stays, where it goes back by itself."""
        return None if self._back is None else max(0.0, self._back.when() - asyncio.get_running_loop().time())

    def change(self, name: str, seconds: float | None) -> None:
        """Log from this level on; for some seconds, or until it is changed again or the server starts anew."""
        if self._back is not None:
            self._back.cancel()
            self._back = None
        else:
            self._usual = self.name
        log.warning("log.level.changed", before=self.name, now=name, seconds=seconds)
        self._use(name)
        if seconds is None:
            self._usual = name
        else:
            self._back = asyncio.get_running_loop().call_later(seconds, self._go_back)

    def _go_back(self) -> None:
        self._back = None
        log.warning("log.level.changed", before=self.name, now=self._usual, seconds=None)
        self._use(self._usual)

    def _use(self, name: str) -> None:
        self.name = name
        made = structlog.make_filtering_bound_logger(getattr(logging, name.upper()))
        for attribute, value in vars(made).items():
            if not attribute.startswith("__"):
                setattr(self.logger_class, attribute, value)
