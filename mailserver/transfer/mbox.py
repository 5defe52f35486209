"""mbox files (RFC 4155): read line by line, whoever wrote them."""

import calendar
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from mailserver.transfer import marks

LINE_BYTES = 1 << 20
MARK = b"X-Mailserver-Export: "  # the first field of a message that an export has written
_LONGEST_SEPARATOR = 500
_CLOCK, _YEAR = re.compile(rb"\d{1,2}:\d{2}"), re.compile(rb"\d{4}")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_DATE = re.compile(rb"([A-Z][a-z]{2}) +(\d{1,2}) +(\d{1,2}):(\d{2})(?::(\d{2}))? (?:[A-Za-z]+ |[+-]\d{4} )?(\d{4})")
_FIELD = re.compile(
    rb"^(Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase|X-Mozilla-Status2?|X-Mozilla-Keys):[^\n]*\n"
    rb"(?:[ \t][^\n]*\n)*",
    re.MULTILINE | re.IGNORECASE,
)
_OURS = re.compile(rb"lines=(\d); received=(\d+); eol=(crlf|raw); end=(0|1)")
_MOZILLA = {0x1: "$seen", 0x2: "$answered", 0x4: "$flagged", 0x8: marks.DELETED, 0x1000: "$forwarded"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of an mbox: its bytes without what the mbox added, and what that said."""

    content: bytes
    keywords: tuple[str, ...]
    received_at: int | None
    is_exact: bool
    number: int


@dataclass(frozen=True, slots=True)
class TooLong:
    """A message of more octets than are read."""

    number: int


def entries(file: IO[bytes], most_bytes: int) -> Iterator[Entry | TooLong]:
    """The messages of a file; nothing where it does not begin as an mbox does."""
    for number, (separator, raw) in enumerate(_split(file, most_bytes), 1):
        if raw is None:
            yield TooLong(number)
            continue
        entry = _entry(separator, raw, number)
        if entry is not None:
            yield entry


def is_mbox(head: bytes) -> bool:
    """Whether a file that begins so is one; an empty one is."""
    return not head or head.startswith(b"From ")


def separator_date(line: bytes) -> int | None:
    """The time that a From line says, in UTC (RFC 4155), in unix milliseconds."""
    found = _DATE.search(line)
    if found is None:
        return None
    month, day, hour, minute, second, year = (each.decode() if each else "00" for each in found.groups())
    try:
        moment = time.strptime(f"{month} {day} {hour}:{minute}:{second} {year}", "%b %d %H:%M:%S %Y")
    except ValueError:
        return None
    return calendar.timegm(moment) * 1000


def _split(file: IO[bytes], most_bytes: int) -> Iterator[tuple[bytes, bytes | None]]:
    """Each message with its From line; None for one that is too long."""
    separator: bytes | None = None
    lines: list[bytes] = []
    size = 0
    is_behind_blank, is_line_start = True, True
    while line := file.readline(LINE_BYTES):
        if is_line_start and is_behind_blank and _is_separator(line):
            if separator is not None:
                yield separator, _joined(lines, size, most_bytes)
            separator, lines, size = line, [], 0
        elif separator is None:
            return
        else:
            size += len(line)
            if size <= most_bytes + 2:
                lines.append(line)
        is_behind_blank = is_line_start and line in (b"\n", b"\r\n")
        is_line_start = line.endswith(b"\n")
    if separator is not None:
        yield separator, _joined(lines, size, most_bytes)


def _is_separator(line: bytes) -> bool:
    """Whether a line behind an empty one begins a message: the beginning of a letter may begin with From too."""
    if not line.startswith(b"From ") or len(line) > _LONGEST_SEPARATOR:
        return False
    return _CLOCK.search(line) is not None and _YEAR.search(line) is not None


def _joined(lines: list[bytes], size: int, most_bytes: int) -> bytes | None:
    """The bytes of a message without the empty line that ends it."""
    if size > most_bytes + 2:
        return None
    if lines and lines[-1] in (b"\n", b"\r\n"):
        lines = lines[:-1]
    return b"".join(lines)


def _entry(separator: bytes, raw: bytes, number: int) -> Entry | None:
    if raw.startswith(MARK):
        return _of_ours(raw, number)
    raw = _QUOTED.sub(rb"\1", raw)
    head, blank, body = _parts(raw)
    fields = {found[1].lower(): found[0].partition(b":")[2].strip() for found in _FIELD.finditer(head)}
    if b"x-imap" in fields and b"FOLDER INTERNAL DATA" in head:
        return None  # c-client's own notes
    content = _FIELD.sub(b"", head) + blank + body
    return Entry(content, _keywords(fields), separator_date(separator), is_exact=False, number=number)


def _of_ours(raw: bytes, number: int) -> Entry:
    mark, _, rest = raw.partition(b"\n")
    found = _OURS.search(mark)
    if found is None:
        return Entry(raw, (), None, is_exact=False, number=number)
    fields: dict[bytes, bytes] = {}
    for _ in range(int(found[1])):
        line, _, rest = rest.partition(b"\n")
        name, _, value = line.partition(b":")
        fields[name.lower()] = value.strip()
    content = _QUOTED.sub(rb"\1", rest)
    if found[4] == b"0":
        content = content.removesuffix(b"\n")
    if found[3] == b"crlf":
        content = content.replace(b"\n", b"\r\n")
    words = _letters(fields) + fields.get(b"x-keywords", b"").decode("latin-1").split()
    return Entry(content, tuple(words), int(found[2]), is_exact=True, number=number)


def _parts(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """The header with the end of its last line, the empty line, and the rest."""
    found = re.search(rb"\r?\n(\r?\n)", raw)
    if found is None:
        return raw, b"", b""
    return raw[: found.start(1)], found[1], raw[found.end() :]


def _letters(fields: dict[bytes, bytes]) -> list[str]:
    words = marks.of_letters(fields.get(b"status", b"").decode("latin-1"), marks.STATUS)
    return words + marks.of_letters(fields.get(b"x-status", b"").decode("latin-1"), marks.X_STATUS)


def _keywords(fields: dict[bytes, bytes]) -> tuple[str, ...]:
    words = _letters(fields)
    for name in (b"x-keywords", b"x-mozilla-keys"):
        words += marks.of_imap(fields.get(name, b"").decode("latin-1").split())
    try:
        mozilla = int(fields.get(b"x-mozilla-status", b"0"), 16)
    except ValueError:
        mozilla = 0
    words += [word for bit, word in _MOZILLA.items() if mozilla & bit]
    return tuple(dict.fromkeys(words))
