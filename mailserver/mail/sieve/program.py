"""A script that was checked and can be run."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments

Act = Callable[[Machine, Arguments], None]
Ask = Callable[[Machine, Arguments], bool]


@dataclass(frozen=True, slots=True)
class Question:
    """A test that looks at the message or the world."""

    ask: Ask
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a test."""

    test: "Condition"


@dataclass(frozen=True, slots=True)
class Every:
    """All of some tests."""

    tests: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One of some tests at the least."""

    tests: tuple["Condition", ...]


Condition = Question | Not | Every | Some


@dataclass(frozen=True, slots=True)
class Step:
    """One action."""

    act: Act
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Choice:
    """The arms of if, elsif and else; None is no condition."""

    arms: tuple[tuple[Condition | None, tuple["Node", ...]], ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """The end."""


Node = Step | Choice | Stop


@dataclass(frozen=True, slots=True)
class Program:
    """The commands in their order, what the script requires, and the names of the actions in it."""

    nodes: tuple[Node, ...]
    capabilities: frozenset[str]
    actions: frozenset[str] = frozenset()
