"""What a command or test takes: tagged arguments, then positional ones (RFC 5228 2.6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """What an argument is."""

    NUMBER = "a number"
    TEXT = "a string"
    TEXTS = "a list of strings"


Value = int | str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Option:
    """A tagged argument: what follows it, what has to be required for it, and a group of which one may stand."""

    value: Kind | None = None
    capability: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one command or test, checked against its signature."""

    line: int
    options: Mapping[str, Value]  # by tag; None where nothing follows it
    values: tuple[Value, ...]  # None for an optional one that is not there

    def has(self, tag: str) -> bool:
        """Whether a tag stands there."""
        return tag in self.options

    def number(self, place: int | str) -> int | None:
        """The number at a position, or behind a tag."""
        found = self._at(place)
        return found if isinstance(found, int) else None

    def text(self, place: int | str) -> str:
        """The string at a position, or behind a tag; '' where there is none."""
        found = self._at(place)
        return found if isinstance(found, str) else ""

    def texts(self, place: int | str) -> tuple[str, ...]:
        """The strings at a position, or behind a tag."""
        found = self._at(place)
        return found if isinstance(found, tuple) else ()

    def _at(self, place: int | str) -> Value:
        return self.values[place] if isinstance(place, int) else self.options.get(place)


def _nothing(arguments: Arguments) -> str:
    del arguments
    return ""


@dataclass(frozen=True, slots=True)
class Signature:
    """Name and arguments. `complaint` says what is wrong with constant arguments, '' for nothing."""

    name: str
    positional: tuple[Kind, ...] = ()
    capability: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    first_is_optional: bool = False
    complaint: Callable[[Arguments], str] = _nothing
