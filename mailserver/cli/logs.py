"""Logs: one line an event on stderr, JSON for machines, plain for people."""

import logging
import os
import sys
from typing import Any

import structlog

_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def configure(level: str, form: str) -> None:
    """Set up every logger of the process. `form` is json, console, or auto for console on a terminal."""
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "json"
    chain: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    if form == "console":
        chain += [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"))]
    else:
        chain += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if os.environ.get("JOURNAL_STREAM"):
            chain.append(_with_priority)
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=max(number, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )


def _with_priority(_: Any, name: str, line: str) -> str:
    """The prefix by which journald knows how bad a line is (sd-daemon(3))."""
    return f"<{_PRIORITIES.get(name, 6)}>{line}"
