"""The grammar of a script (RFC 5228 8.2): what stands where, before anybody asks what it means."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tag:
    """A word with a colon."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number, its unit multiplied in."""

    value: int
    line: int


@dataclass(frozen=True, slots=True)
class Texts:
    """A string, or a list of them."""

    values: tuple[str, ...]
    line: int
    is_list: bool


Argument = Tag | Number | Texts


@dataclass(frozen=True, slots=True)
class Test:
    """A test with its arguments and the tests inside it."""

    name: str
    line: int
    arguments: tuple[Argument, ...]
    tests: tuple["Test", ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command; `block` is None where it ends in a semicolon."""

    name: str
    line: int
    arguments: tuple[Argument, ...]
    tests: tuple[Test, ...]
    block: tuple["Command", ...] | None
