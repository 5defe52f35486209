"""What a script may ask about: the message, its envelope, and the world that it runs in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from mailserver.mail.headers import Headers


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for one recipient. `read` gives all of it; only tests of the body call it."""

    head: Headers
    size: int
    sender: str  # '' for the null sender
    recipient: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class World:
    """The moment and the place. Folder names are as scripts write them; `special_uses` are as in RFC 6154."""

    at: int  # unix seconds
    zone: tzinfo = UTC
    folders: frozenset[str] = frozenset()  # in lower case
    special_uses: Mapping[str, str] = field(default_factory=dict)  # in lower case, to the name of its folder
    environment: Mapping[str, str] = field(default_factory=dict)
    separator: str = "+"  # between a user and the detail of his address
