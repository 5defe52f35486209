"""What is known of a message when it is judged, and what a check gives back."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from mailserver.entities.verdict import Action, Reason
from mailserver.mail.envelope import Envelope
from mailserver.mail.headers import Headers


@dataclass(frozen=True, slots=True)
class Evidence:
    """One message. The statuses are the words of Authentication-Results (RFC 8601 2.7)."""

    envelope: Envelope
    headers: Headers
    sample: bytes  # the first 256 KB
    size: int
    inbox_ids: tuple[int, ...]
    whole: Callable[[], AsyncIterator[bytes]]  # all of it, for scanners, as often as one asks
    spf: str = "none"
    dkim: str = "none"
    dmarc: str = "none"
    iprev: str = "none"
    is_authenticated: bool = False  # somebody logged in; nothing is held against the connection then
    queue_id: str = ""
    proves_author: bool = False  # what passed is the domain of From, not just anybody's


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: reasons, the least that it asks for, and how long the sender should stay away."""

    reasons: tuple[Reason, ...] = ()
    floor: Action = Action.NONE
    wait_seconds: int = 0


NOTHING = Finding()


class ScannerProblem(Exception):
    """Another program gave no answer that can be used."""


class Scanner(Protocol):
    """Another program that looks at whole messages. What it raises is logged, and counts as nothing found."""

    @property
    def name(self) -> str:
        """What the log calls it."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """How long it may take."""
        ...

    async def scan(self, evidence: Evidence) -> Finding:
        """Look at a message."""
        ...
