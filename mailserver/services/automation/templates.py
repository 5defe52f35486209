"""Texts with `{field}` in them, and conditions on the fields of an event."""

import re
from collections.abc import Mapping
from typing import Any

from mailserver.entities import errors

LONGEST = 500
MOST_FIELDS = 20
MOST_VALUES = 100
LARGEST = 1 << 53  # the numbers that every reader of JSON keeps as they are
LONGEST_NAME = 64
_FIELD = re.compile(r"\{([a-z][a-z0-9_]{0,63})\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
Scalar = str | int | float | bool


def render(template: str, fields: Mapping[str, Any]) -> str:
    """A text with the fields that there are in their places; the others stay as they stand. One pass, no nesting."""

    def value(found: re.Match[str]) -> str:
        return _written(fields[found[1]]) if found[1] in fields else found[0]

    return _FIELD.sub(value, template)


def check_filter(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A filter that can be used: fields with a value, or a list of which one has to be there; Invalid otherwise."""
    if len(wanted) > MOST_FIELDS:
        raise errors.Invalid("The filter is too large.", filter=f"At most {MOST_FIELDS} fields.")
    for name, value in wanted.items():
        some = value if isinstance(value, list) else [value]
        if not _NAME.fullmatch(name) or len(some) > MOST_VALUES or not all(map(_is_scalar, some)):
            sentence = f"A field's name, and a text, a number, a boolean or a list of at most {MOST_VALUES}."
            raise errors.Invalid("The filter cannot be used.", filter=sentence)
    return dict(wanted)


def matches(wanted: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Whether every field of a filter has one of its values; of a field with several, one has to."""
    return all(_has(fields.get(name), value if isinstance(value, list) else [value]) for name, value in wanted.items())


def _has(found: Any, wanted: list[Any]) -> bool:
    there = found if isinstance(found, list) else [found]
    return any(_same(each, one) for each in there for one in wanted)


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):  # True is no 1 here
        return found is wanted
    if isinstance(found, str) and isinstance(wanted, str):
        return found.casefold() == wanted.casefold()
    return bool(found == wanted)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST
    return isinstance(value, int | float) and abs(value) <= LARGEST  # infinity is larger, and nothing compares with NaN


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_written(each) for each in value[:MOST_VALUES])
    return str(value)[:LONGEST]
