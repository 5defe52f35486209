"""Mail that moves in from elsewhere, and out."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.entities.folder import Role


@dataclass(frozen=True, slots=True)
class Place:
    """A folder by the names that lead to it; with a role, the folder of that role in whose place it stands."""

    path: tuple[str, ...]
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """A message from elsewhere. `key` is its name at its source, by which it is known again; '' where it has none."""

    places: tuple[Place, ...]
    keywords: tuple[str, ...]  # as JMAP has them, the flags among them
    received_at: int
    key: str
    content: bytes
    is_spare: bool = False  # of a folder that shows everything: to be stored only where the inbox has it nowhere


class Fate(StrEnum):
    """What became of a message that was brought."""

    IMPORTED = "imported"
    THERE = "there"  # already
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Received:
    """What became of one message, and why where it was refused."""

    fate: Fate
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that lies in a folder, as it is written down elsewhere."""

    message_id: int
    location: str  # of its file, below the mail directory
    size: int
    received_at: int
    keywords: tuple[str, ...]
    sender: str  # the address, '' where there is none
    blob: bytes
