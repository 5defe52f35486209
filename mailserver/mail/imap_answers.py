"""Answers of IMAP servers as values (RFC 3501 9): LIST, FETCH and what stands in their parentheses."""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_DEEPEST = 20
_ATOM = re.compile(rb'[^\s()"]+')
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_LITERAL = re.compile(rb"\{(\d{1,12})\}$")
_DATE = re.compile(r"\s*(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Unreadable(ValueError):
    """An answer that is no IMAP."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A mailbox as LIST names it."""

    name: bytes
    separator: str  # '' where there is no hierarchy
    attributes: frozenset[str]  # in lower case, with their backslash


def values(pieces: Sequence[bytes | bytearray]) -> list[Any]:
    """An answer as nested lists of bytes; `pieces` are its lines, each literal behind the line that announces it."""
    stack: list[list[Any]] = [[]]
    remaining = list(pieces)
    while remaining:
        line = bytes(remaining.pop(0))
        announced = _LITERAL.search(line)
        if announced:
            line = line[: announced.start()]
        _line(line, stack)
        if announced:
            if not remaining or len(remaining[0]) != int(announced[1]):
                raise Unreadable("a literal has another length than was announced")
            stack[-1].append(bytes(remaining.pop(0)))
    if len(stack) != 1:
        raise Unreadable("a parenthesis has no end")
    return stack[0]


def listed(pieces: Sequence[bytes | bytearray]) -> Listed:
    """One LIST answer, without its first word."""
    found = values(pieces)
    if len(found) < 3 or [isinstance(each, list) for each in found[:3]] != [True, False, False]:
        raise Unreadable("this is no LIST answer")
    separator = "" if found[1] == b"NIL" else found[1].decode("latin-1")
    attributes = frozenset(each.decode("latin-1").lower() for each in found[0] if isinstance(each, bytes))
    return Listed(found[2], separator, attributes)


def fetched(pieces: Sequence[bytes | bytearray]) -> dict[str, Any]:
    """The items of one FETCH answer by their names in capitals."""
    found = values(pieces)
    if len(found) < 3 or found[1] != b"FETCH" or not isinstance(found[2], list):
        raise Unreadable("this is no FETCH answer")
    items = found[2]
    return {
        name.decode("latin-1").upper(): value
        for name, value in zip(items[::2], items[1::2], strict=False)
        if isinstance(name, bytes)
    }


def internal_date(text: str) -> int:
    """An INTERNALDATE in unix milliseconds."""
    found = _DATE.fullmatch(text)
    if found is None or found[2].lower() not in _MONTHS:
        raise Unreadable("this is no INTERNALDATE")
    day, year, hour, minute, second = (int(found[each]) for each in (1, 3, 4, 5, 6))
    moment = calendar.timegm((year, _MONTHS.index(found[2].lower()) + 1, day, hour, minute, second, 0, 1, 0))
    offset = (int(found[8]) * 60 + int(found[9])) * 60
    return (moment - offset if found[7] == "+" else moment + offset) * 1000


def _line(line: bytes, stack: list[list[Any]]) -> None:
    at = 0
    while at < len(line):
        letter = line[at : at + 1]
        if letter.isspace():
            at += 1
        elif letter == b"(":
            if len(stack) > _DEEPEST:
                raise Unreadable("parentheses lie too deep")
            inner: list[Any] = []
            stack[-1].append(inner)
            stack.append(inner)
            at += 1
        elif letter == b")":
            if len(stack) == 1:
                raise Unreadable("a parenthesis has no beginning")
            stack.pop()
            at += 1
        else:
            found = _QUOTED.match(line, at) or _ATOM.match(line, at)
            if found is None:
                raise Unreadable("a quoted string has no end")
            is_quoted = letter == b'"'
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", found[1]) if is_quoted else found[0])
            at = found.end()
