"""The words of a script (RFC 5228 8.1)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from mailserver.mail.sieve.problem import SieveProblem

LARGEST_NUMBER = (1 << 63) - 1
_WORD = re.compile(
    r"(?P<space>[ \t\r\n]++|#[^\n]*+|/\*.*?\*/)"
    r"|(?P<multiline>text:[ \t]*+(?:#[^\n]*+)?\r?\n)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*+)"
    r"|:(?P<tag>[A-Za-z_][A-Za-z0-9_]*+)"
    r"|(?P<number>[0-9]++[KMGkmg]?)(?![A-Za-z0-9_])"
    r'|"(?P<text>[^"\\]*+(?:\\.[^"\\]*+)*+)"'
    r"|(?P<sign>[\[\](){},;])",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LAST_LINE = re.compile(r"^\.\r?(?:\n|\Z)", re.MULTILINE)
_STUFFED = re.compile(r"^\.\.", re.MULTILINE)
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}  # RFC 5228 2.4.1


class Sort(Enum):
    """What a word is."""

    NAME = auto()
    TAG = auto()
    NUMBER = auto()
    TEXT = auto()
    SIGN = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Word:
    """One word. Names and tags are in lower case; `number` counts for NUMBER alone."""

    sort: Sort
    text: str
    line: int
    number: int = 0


def read(script: str) -> Iterator[Word]:
    """Every word, and one END behind them; SieveProblem where no word can begin."""
    at, line = 0, 1
    while at < len(script):
        found = _WORD.match(script, at)
        if found is None:
            raise SieveProblem(line, _complaint(script, at))
        end = found.end()
        sort = found.lastgroup
        if sort == "multiline":
            content, end = _multiline(script, end, line)
            yield Word(Sort.TEXT, content, line)
        elif sort == "name":
            yield Word(Sort.NAME, found[0].lower(), line)
        elif sort == "tag":
            yield Word(Sort.TAG, found["tag"].lower(), line)
        elif sort == "number":
            yield Word(Sort.NUMBER, found[0], line, _number(found[0], line))
        elif sort == "text":
            yield Word(Sort.TEXT, _ESCAPED.sub(r"\1", found["text"]), line)
        elif sort == "sign":
            yield Word(Sort.SIGN, found[0], line)
        line += script.count("\n", at, end)
        at = end
    yield Word(Sort.END, "", line)


def _multiline(script: str, start: int, line: int) -> tuple[str, int]:
    """The lines up to one that is a single dot, and where the script goes on."""
    last = _LAST_LINE.search(script, start)
    if last is None:
        raise SieveProblem(line, "The text that begins here has no line with a single dot at its end.")
    return _STUFFED.sub(".", script[start : last.start()]), last.end()


def _number(text: str, line: int) -> int:
    unit = _UNITS.get(text[-1].lower(), 1)
    digits = text[:-1] if unit > 1 else text
    if len(digits) > 19 or int(digits) * unit > LARGEST_NUMBER:
        raise SieveProblem(line, f"The number {text[:30]} is too large.")
    return int(digits) * unit


def _complaint(script: str, at: int) -> str:
    if script[at] == '"':
        return "The string that begins here has no closing quote."
    if script.startswith("/*", at):
        return "The comment that begins here has no end."
    if script[at].isdigit():
        return "A number is made of digits with K, M or G behind them."
    letter = script[at]
    return f"The character {letter!r} does not belong here." if letter.isprintable() else "A control character is here."
