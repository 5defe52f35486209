"""Signs of junk, and the header field that says what they add up to."""

import re
from collections.abc import Iterable
from typing import NamedTuple

FIELD = "X-Spam-Status"
MOST_TESTS = 60  # of those that the field names; the weightiest
_LINE = 78  # RFC 5322 2.1.1
_NOT_NAME = re.compile(r"[^A-Z0-9_]+")
_LONGEST_NAME = 60
_FOREIGN = re.compile(rb"^x-spam-status[ \t]*+:[^\n]*+\n?(?:[ \t][^\n]*+\n?)*+", re.IGNORECASE | re.MULTILINE)


class Sign(NamedTuple):
    """Something that was found: its name in capitals, what it counts, and a sentence for people."""

    name: str
    score: float
    detail: str


def name(text: str) -> str:
    """Make a sign's name of what another program calls it."""
    return _NOT_NAME.sub("_", text.upper())[:_LONGEST_NAME].strip("_") or "UNNAMED"


def header(tests: Iterable[tuple[str, float]], score: float, required: float, *, is_spam: bool) -> bytes:
    """Write the field, folded and with its line break; tests of one name are added up."""
    sums: dict[str, float] = {}
    for test, points in tests:
        sums[test] = sums.get(test, 0.0) + points
    chosen = sorted(sums.items(), key=lambda item: -abs(item[1]))[:MOST_TESTS]
    words = [f"{name(test)}={_points(points)}" for test, points in chosen] or ["none"]
    line = f"{FIELD}: {'Yes' if is_spam else 'No'}, score={_points(score)} required={_points(required)}"
    lines = []
    for index, word in enumerate(words):
        piece = f"{' tests=' if index == 0 else ''}{word}{',' if index + 1 < len(words) else ''}"
        if len(line) + len(piece) > _LINE:
            lines.append(line)
            line = f"\t{piece.lstrip()}"
        else:
            line += piece
    return "\r\n".join((*lines, line, "")).encode("ascii")


def without_foreign(header_block: bytes) -> bytes:
    """Take out the fields of this name that came with a message: only our own opinion may stand in it."""
    if FIELD.lower().encode() not in header_block.lower():
        return header_block
    return _FOREIGN.sub(b"", header_block)


def _points(value: float) -> str:
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text
