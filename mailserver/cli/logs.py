"""Logs: one line an event on stderr, JSON for machines, plain for people."""

import logging
import os
import sys
import time
from typing import Any

import orjson
import structlog

_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def configure(level: str, form: str) -> None:
    """Set up every logger of the process. `form` is json, console, or auto for console on a terminal."""
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "json"
    chain: list[Any] = [structlog.processors.add_log_level, _with_time]
    factory: Any = structlog.WriteLoggerFactory(file=sys.stderr)
    if form == "console":
        chain += [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"))]
    else:
        chain += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)]
        factory = structlog.BytesLoggerFactory(file=sys.stderr.buffer)
        if os.environ.get("JOURNAL_STREAM"):
            chain.append(_with_priority)
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(number, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )


def _with_priority(_: Any, name: str, line: bytes) -> bytes:
    """The prefix by which journald knows how bad a line is (sd-daemon(3))."""
    return b"<%d>%s" % (_PRIORITIES.get(name, 6), line)


def _with_time(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """RFC 3339 in UTC, to the millisecond."""
    now = time.time()
    event["ts"] = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03d}Z"
    return event


def _dumps(event: dict[str, Any], default: Any = str, **_: Any) -> bytes:
    return orjson.dumps(event, default=default, option=orjson.OPT_NON_STR_KEYS)
