"""Logs: one line an event on stderr, JSON or logfmt for machines, plain for people and the journal."""

import atexit
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

import orjson
import structlog

from mailserver.cli import public_ids
from mailserver.cli.log_level import LogLevel
from mailserver.cli.redaction import Redaction

FLUSH_SECONDS = 0.02  # how long a line below a warning may wait for others
FLUSH_BYTES = 64 << 10
_PLAIN = re.compile(r"[^\s=\"\\\x00-\x1f\x7f]*")
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


@dataclass(frozen=True, slots=True)
class Logging:
    """What of the logs can be changed while the server runs. `redaction` is None where addresses are written."""

    level: LogLevel
    redaction: Redaction | None

    def redact_with(self, key: bytes) -> None:
        """Take the installation's key for the names of addresses."""
        if self.redaction is not None:
            self.redaction.use(key)


def configure(level: str, form: str, *, redact: bool = False) -> Logging:
    """Set up every logger of the process. `form` is json, logfmt, console, or auto for what suits who reads stderr."""
    journal = is_journal()
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "journal" if journal else "json"
    live, redaction = LogLevel(level), Redaction() if redact else None
    factory: Any
    if form == "console":
        chain: list[Any] = [
            public_ids.written,
            structlog.processors.format_exc_info,
            *([redaction] if redaction else []),
            structlog.processors.add_log_level,
            _with_time,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR")),
        ]
        if redaction is None:
            del chain[1]  # the renderer shows more of an error where it gets it whole
        factory = structlog.WriteLoggerFactory(file=sys.stderr)
    else:
        lines = Lines(sys.stderr.buffer)
        writing = {"logfmt": _logfmt, "journal": _plainly}.get(form, _json)
        chain = [_Line(writing, redaction, is_journal=journal)]

        def factory(*_: Any) -> Lines:
            return lines

    structlog.configure(
        processors=chain,
        wrapper_class=live.logger_class,
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Foreign(redaction))
    logging.basicConfig(level=max(getattr(logging, level.upper()), logging.WARNING), handlers=[handler])
    return Logging(live, redaction)


def is_journal() -> bool:
    """Whether what we write to stderr is read by journald (systemd.exec(5), $JOURNAL_STREAM)."""
    journal = os.environ.get("JOURNAL_STREAM")
    if not journal:
        return False
    found = os.fstat(sys.stderr.fileno())
    return journal == f"{found.st_dev}:{found.st_ino}"


class _Foreign(logging.Formatter):
    """Lines of libraries, which know of no keys."""

    def __init__(self, redaction: Redaction | None) -> None:
        super().__init__("%(levelname)s %(name)s %(message)s")
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return self._redaction.text(text) if self._redaction else text


class _Line:
    """The whole chain in one step: every message that is accepted comes through here."""

    def __init__(
        self, writing: Callable[[dict[str, Any]], bytes], redaction: Redaction | None, *, is_journal: bool
    ) -> None:
        self._writing = writing
        self._redaction = redaction
        self._is_journal = is_journal

    def __call__(self, logger: Any, name: str, event: dict[str, Any]) -> bytes:
        if "exc_info" in event:
            event = dict(structlog.processors.format_exc_info(logger, name, event))
        event = public_ids.written(logger, name, event)
        if self._redaction is not None:
            event = self._redaction(logger, name, event)
        event["level"] = "error" if name == "exception" else name
        line = self._writing(_with_time(logger, name, event))
        # The prefix by which journald knows how bad a line is (sd-daemon(3)).
        return b"<%d>%s" % (_PRIORITIES.get(name, 6), line) if self._is_journal else line


def _json(event: dict[str, Any]) -> bytes:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)


def _logfmt(event: dict[str, Any]) -> bytes:
    """`name=value` with what is no plain word in JSON's quotes, the time and the event first."""
    first = {name: event[name] for name in ("ts", "level", "event") if name in event}
    words = []
    for name, value in (first | event).items():
        text = "" if value is None else value if isinstance(value, str) else _json_of(value)
        words.append(f"{name}={text if _PLAIN.fullmatch(text) else _json_of(text)}")
    return " ".join(words).encode("utf-8", "replace")


def _plainly(event: dict[str, Any]) -> bytes:
    """The event, and what is to be said of it: the journal itself has the time, and how bad it is."""
    words = [str(event["event"])]
    for name, value in event.items():
        if name not in {"event", "level", "ts"}:
            is_word = isinstance(value, str) and _PLAIN.fullmatch(value)
            words.append(f"{name}={value if is_word else _json_of(value)}")
    return " ".join(words).encode("utf-8", "replace")


def _json_of(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _with_time(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """RFC 3339 in UTC, to the millisecond."""
    second, millisecond = divmod(int(time.time() * 1000), 1000)
    event["ts"] = f"{_until_second(second)}.{millisecond:03d}Z"
    return event


@lru_cache(maxsize=4)
def _until_second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
