"""Logs: one line an event on stderr, JSON for machines, plain for people."""

import atexit
import logging
import os
import sys
import threading
import time
from functools import lru_cache
from typing import IO, Any

import orjson
import structlog

FLUSH_SECONDS = 0.02  # how long a line below a warning may wait for others
FLUSH_BYTES = 64 << 10
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


class Lines:
    """Writes lines to a stream, many with one call; warnings and worse at once. A logger of structlog's.

    What a kill takes away is FLUSH_SECONDS of such lines at most. Threads may share it.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lines: list[bytes] = []
        self._bytes = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def info(self, line: bytes) -> None:
        """Keep a line for the next write."""
        with self._lock:
            self._lines.append(line)
            self._bytes += len(line)
            is_first = len(self._lines) == 1
            is_much = self._bytes >= FLUSH_BYTES
        if is_much:
            self.flush()
        elif is_first:
            if self._thread is None:
                self._start()
            self._wanted.set()

    debug = info

    def warning(self, line: bytes) -> None:
        """Write a line, and those before it, now."""
        with self._lock:
            self._lines.append(line)
        self.flush()

    error = critical = exception = warning

    def flush(self) -> None:
        """Write what is kept."""
        with self._writing:  # lines stay in their order
            with self._lock:
                lines, self._lines = self._lines, []
                self._bytes = 0
            if lines:
                lines.append(b"")
                self._stream.write(b"\n".join(lines))
                self._stream.flush()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._flush_forever, name="log", daemon=True)
                self._thread.start()
                atexit.register(self.flush)

    def _flush_forever(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            time.sleep(FLUSH_SECONDS)
            self.flush()


def configure(level: str, form: str) -> None:
    """Set up every logger of the process. `form` is json, console, or auto for console on a terminal."""
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "json"
    factory: Any
    if form == "console":
        chain: list[Any] = [
            structlog.processors.add_log_level,
            _with_time,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR")),
        ]
        factory = structlog.WriteLoggerFactory(file=sys.stderr)
    else:
        lines = Lines(sys.stderr.buffer)
        chain = [_json_for_journald if os.environ.get("JOURNAL_STREAM") else _json]

        def factory(*_: Any) -> Lines:
            return lines

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


def _json(logger: Any, name: str, event: dict[str, Any]) -> bytes:
    """The whole chain in one step: every message that is accepted comes through here."""
    if "exc_info" in event:
        event = dict(structlog.processors.format_exc_info(logger, name, event))
    event["level"] = "error" if name == "exception" else name
    _with_time(logger, name, event)
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)


def _json_for_journald(logger: Any, name: str, event: dict[str, Any]) -> bytes:
    """With the prefix by which journald knows how bad a line is (sd-daemon(3))."""
    return b"<%d>%s" % (_PRIORITIES.get(name, 6), _json(logger, name, event))


def _with_time(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """RFC 3339 in UTC, to the millisecond."""
    second, millisecond = divmod(int(time.time() * 1000), 1000)
    event["ts"] = f"{_until_second(second)}.{millisecond:03d}Z"
    return event


@lru_cache(maxsize=4)
def _until_second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
