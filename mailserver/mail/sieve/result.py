"""What a script wants done with a message."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Filing:
    """A copy for a folder; `folder` is '' for where it would have gone anyway."""

    folder: str = ""
    flags: tuple[str, ...] = ()
    creates: bool = False  # a folder that is not there (RFC 5490 3.2)
    special_use: str = ""  # the folder that has it goes before the one named (RFC 8579 4)


@dataclass(frozen=True, slots=True)
class Rejection:
    """The sender is told that the message is not wanted (RFC 5429)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Vacation:
    """The sender is told that nobody reads this for now (RFC 5230)."""

    reason: str
    seconds: int
    subject: str = ""
    sender: str = ""
    addresses: tuple[str, ...] = ()
    is_mime: bool = False
    handle: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that is to be done. Without filing and redirect the message is discarded, or rejected."""

    filings: tuple[Filing, ...] = ()
    redirects: tuple[str, ...] = ()
    rejection: Rejection | None = None
    vacation: Vacation | None = None
    problem: str = ""  # why the script stopped; the message is kept then


KEPT = Result((Filing(),))
