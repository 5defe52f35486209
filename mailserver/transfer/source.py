"""What an import reads from: folders, and the messages in them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailserver.entities.moving import Brought, Place


class SourceProblem(Exception):
    """The source cannot be read; the sentence says why."""


class NoSource(SourceProblem):
    """There is no mail of that kind there."""


class WrongPassword(SourceProblem):
    """The source does not let this user in."""


class Unreachable(SourceProblem):
    """The source does not answer."""


class Dropped(SourceProblem):
    """The source broke off; what has been stored is stored, and another try goes on from there."""


class FolderProblem(SourceProblem):
    """One folder cannot be read; the others may."""


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A folder of a source; `reference` is what the source itself calls it."""

    name: str
    place: Place
    reference: str
    messages: int | None = None  # where that is known beforehand
    is_everything: bool = False  # shows what lies in the other folders, and beside it what lies nowhere else


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that cannot be had."""

    key: str
    reason: str


class Session(Protocol):
    """A way to the messages of a source, used for one folder after the other."""

    def listed(self, folder: SourceFolder) -> AsyncIterator[list[str]]:
        """The keys of a folder's messages, some at a time, the oldest first where that can be known.

        A source whose messages have no names gives one list with one empty key: everything is to be fetched.
        """
        ...

    def fetched(
        self, folder: SourceFolder, keys: Sequence[str], most_bytes: int
    ) -> AsyncIterator[Brought | Unreadable]:
        """Those messages; one of more than so many octets is not read."""
        ...

    async def close(self) -> None:
        """Leave the source."""
        ...


class Source(Protocol):
    """Somewhere that mail is brought from. `identity` is the same for the same source at every run."""

    @property
    def identity(self) -> str:
        """What tells this source from others."""
        ...

    async def folders(self) -> list[SourceFolder]:
        """Every folder that can hold messages."""
        ...

    async def session(self) -> Session:
        """A new way in; several may be open at once."""
        ...
