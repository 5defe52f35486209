"""Comparators and match types (RFC 5228 2.7; RFC 5231 for :value and :count; RFC 4790 9.1 for numbers)."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments, Kind, Option

CASEMAP = "i;ascii-casemap"
OCTET = "i;octet"
NUMERIC = "i;ascii-numeric"
COMPARATORS = frozenset({CASEMAP, OCTET, NUMERIC})
BUILT_IN = frozenset({f"comparator-{CASEMAP}", f"comparator-{OCTET}"})  # need not be required (RFC 5228 2.7.3)
RELATIONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})
OPTIONS = {
    "is": Option(group="match type"),
    "contains": Option(group="match type"),
    "matches": Option(group="match type"),
    "value": Option(Kind.TEXT, "relational", "match type"),
    "count": Option(Kind.TEXT, "relational", "match type"),
    "comparator": Option(Kind.TEXT),
}
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_DIGITS = re.compile(r"[0-9]{1,40}")
_INFINITE = 10**41  # RFC 4790 9.1.1: what begins with no digit is larger than every number
_ELEMENT = re.compile(r"\\(?P<plain>.)|(?P<star>\*)|(?P<one>\?)|(?P<letter>.)", re.DOTALL)


def complaint(arguments: Arguments) -> str:
    """What is wrong with comparator and match type."""
    name = arguments.text("comparator") or CASEMAP
    if name not in COMPARATORS:
        return f"There is no comparator {name[:60]}."
    if name == NUMERIC and (arguments.has("contains") or arguments.has("matches")):
        return "Numbers are compared whole: :contains and :matches do not go with i;ascii-numeric."
    for tag in ("value", "count"):
        if arguments.has(tag) and arguments.text(tag).lower() not in RELATIONS:
            return f":{tag} takes gt, ge, lt, le, eq or ne."
    return ""


def matches(
    machine: Machine, arguments: Arguments, values: Iterable[str], keys: Sequence[str], *, remembers: bool = True
) -> bool:
    """Whether a value matches a key. What wildcards stood for is remembered, but for the body (RFC 5173 6)."""
    comparator = arguments.text("comparator") or CASEMAP
    if arguments.has("count"):
        count = str(sum(1 for _ in values))
        return any(_relates(machine, comparator, arguments.text("count"), count, key) for key in keys)
    if arguments.has("matches"):
        patterns = [_segments(fold(comparator, key)) for key in keys]
        found = (glob(machine, comparator, value, pattern) for value in values for pattern in patterns)
        parts = next((each for each in found if each is not None), None)
        if parts is not None and remembers:
            machine.matched(parts)
        return parts is not None
    return any(_holds(machine, arguments, comparator, value, key) for value in values for key in keys)


def _holds(machine: Machine, arguments: Arguments, comparator: str, value: str, key: str) -> bool:
    if arguments.has("value"):
        return _relates(machine, comparator, arguments.text("value"), value, key)
    machine.spend(len(value))
    if arguments.has("contains"):
        return fold(comparator, key) in fold(comparator, value)
    if comparator == NUMERIC:
        return _number(value) == _number(key)
    return len(key) == len(value) and fold(comparator, key) == fold(comparator, value)


def fold(comparator: str, text: str) -> str:
    """The form that a comparator compares."""
    return text.translate(_LOWER) if comparator == CASEMAP else text


def _relates(machine: Machine, comparator: str, relation: str, value: str, key: str) -> bool:
    machine.spend(len(value))
    left: int | bytes
    right: int | bytes
    if comparator == NUMERIC:
        left, right = _number(value), _number(key)
        order = (left > right) - (left < right)
    else:
        left, right = fold(comparator, value).encode(), fold(comparator, key).encode()
        order = (left > right) - (left < right)
    return {"gt": order > 0, "ge": order >= 0, "lt": order < 0, "le": order <= 0, "eq": not order, "ne": bool(order)}[
        relation.lower()
    ]


def _number(text: str) -> int:
    found = _DIGITS.match(text)
    return int(found[0]) if found else _INFINITE


# -- wildcards --------------------------------------------------------------------------------------------------


Segments = tuple[tuple[re.Pattern[str], int, bool], ...]


def glob(machine: Machine, comparator: str, value: str, segments: Segments) -> list[str] | None:
    """Match the whole of a value; the value and what each wildcard stands for, or None.

    Each asterisk stands for as little as possible, the first ones first (RFC 5229 3.2), so that no step is taken back.
    """
    machine.spend(sum(_cost(length, has_one, len(value)) for _, length, has_one in segments))
    folded = fold(comparator, value)
    first, *rest = segments
    start = first[0].match(folded)
    if start is None or (not rest and start.end() != len(folded)):
        return None
    parts = [value, *_ones(value, start)]
    at = start.end()
    for number, (expression, length, _) in enumerate(rest, start=1):
        if number == len(rest):
            last = len(folded) - length
            found = expression.match(folded, last) if last >= at else None
        else:
            found = expression.search(folded, at)
        if found is None:
            return None
        parts += [value[at : found.start()], *_ones(value, found)]
        at = found.end()
    return parts


def _ones(value: str, found: re.Match[str]) -> list[str]:
    return [value[slice(*found.span(group))] for group in range(1, len(found.regs))]


def _cost(length: int, has_one: bool, value_length: int) -> int:  # noqa: FBT001  what `_segments` says of each
    return value_length * length if has_one else value_length


@lru_cache(maxsize=512)
def _segments(pattern: str) -> Segments:
    """What lies between the asterisks: an expression of fixed length, that length, and whether a ? is in it."""
    segments: list[list[str]] = [[]]
    for element in _ELEMENT.finditer(pattern):
        if element["star"]:
            segments.append([])
        elif element["one"]:
            segments[-1].append("(.)")
        else:
            segments[-1].append(re.escape(element["plain"] or element["letter"]))
    return tuple((re.compile("".join(each), re.DOTALL), len(each), "(.)" in each) for each in segments)
