"""Which part of a query's results is asked for, and in which order (RFC 8620 5.5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mailserver.jmap import errors
from mailserver.jmap.arguments import Arguments, is_id

MOST = 1_000  # ids of one answer
MOST_COMPARATORS = 8
_COLLATIONS = ("i;ascii-casemap", "i;ascii-numeric", "i;unicode-casemap")


@dataclass(frozen=True, slots=True)
class Comparator:
    """One thing to sort by."""

    property: str
    is_ascending: bool = True
    keyword: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the results: from a position, counted from the end where it is negative, or around an anchor."""

    position: int = 0
    anchor: str | None = None
    anchor_offset: int = 0
    limit: int = MOST
    is_bounded: bool = field(default=False)  # the client's own limit is larger than ours

    def cut(self, ids: Sequence[str]) -> tuple[int, list[str]]:
        """The part of a whole list of results, and where it begins."""
        start = self.start(len(ids), ids.index(self.anchor) if self.anchor in ids else None)
        return start, list(ids[start : start + self.limit])

    def start(self, total: int, anchor_index: int | None) -> int:
        """Where the part begins; anchorNotFound for an anchor that is not among the results."""
        if self.anchor is not None:
            if anchor_index is None:
                raise errors.MethodRefused("anchorNotFound")
            return max(0, anchor_index + self.anchor_offset)
        return self.position if self.position >= 0 else max(0, total + self.position)


def read(arguments: Arguments) -> Window:
    """The window that a client asks for."""
    position, offset = arguments.integer("position"), arguments.integer("anchorOffset")
    limit = arguments.unsigned("limit")
    anchor = arguments.value("anchor")
    if anchor is not None and not is_id(anchor):
        raise errors.invalid("anchor must be an id, or null.", "anchor")
    return Window(position, anchor, offset, min(limit if limit is not None else MOST, MOST), (limit or 0) > MOST)


def sorting(arguments: Arguments, known: Sequence[str], with_keyword: Sequence[str] = ()) -> list[Comparator]:
    """The comparators that a client gives; unsupportedSort for a property that one cannot sort by."""
    given = arguments.value("sort")
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise errors.invalid("sort must be a list of comparators, or null.", "sort")
    if len(given) > MOST_COMPARATORS:
        raise errors.MethodRefused("unsupportedSort", f"At most {MOST_COMPARATORS} comparators.")
    return [_comparator(each, known, with_keyword) for each in given]


def _comparator(given: dict[str, Any], known: Sequence[str], with_keyword: Sequence[str]) -> Comparator:
    name, is_ascending = given.get("property"), given.get("isAscending", True)
    collation, keyword = given.get("collation"), given.get("keyword")
    if not isinstance(name, str) or not isinstance(is_ascending, bool):
        raise errors.invalid("A comparator has a property, and isAscending is true or false.", "sort")
    if name not in known or (collation is not None and collation not in _COLLATIONS):
        raise errors.MethodRefused("unsupportedSort", f"Nothing is sorted by {name[:100]} here, or not so.")
    if name in with_keyword:
        if not isinstance(keyword, str):
            raise errors.invalid(f"Sorting by {name} needs a keyword.", "sort")
        return Comparator(name, is_ascending, keyword.lower())
    return Comparator(name, is_ascending)
