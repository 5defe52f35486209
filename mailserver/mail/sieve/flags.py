"""Flags and keywords of a message (RFC 5232)."""

import re
from collections.abc import Iterable

from mailserver.mail.sieve import matching, variables
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments, Kind, Signature

MOST_FLAGS = 64
LONGEST_FLAG = 100
_SYSTEM = frozenset({"\\seen", "\\answered", "\\flagged", "\\deleted", "\\draft"})
_KEYWORD = re.compile(r"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")  # RFC 9051 9: an atom


def _complaint_of_change(arguments: Arguments) -> str:
    return variables.bad_name(arguments.text(0)) if arguments.text(0) else ""


def _complaint_of_hasflag(arguments: Arguments) -> str:
    return matching.complaint(arguments) or next(
        (bad for name in arguments.texts(0) if (bad := variables.bad_name(name))), ""
    )


SETFLAG = Signature(
    "setflag", (Kind.TEXT, Kind.TEXTS), "imap4flags", first_is_optional=True, complaint=_complaint_of_change
)
ADDFLAG = Signature(
    "addflag", (Kind.TEXT, Kind.TEXTS), "imap4flags", first_is_optional=True, complaint=_complaint_of_change
)
REMOVEFLAG = Signature(
    "removeflag", (Kind.TEXT, Kind.TEXTS), "imap4flags", first_is_optional=True, complaint=_complaint_of_change
)
HASFLAG = Signature(
    "hasflag", (Kind.TEXTS, Kind.TEXTS), "imap4flags", matching.OPTIONS, first_is_optional=True,
    complaint=_complaint_of_hasflag,
)  # fmt: skip


def setflag(machine: Machine, arguments: Arguments) -> None:
    """Make these the flags."""
    _put(machine, arguments, tidy(machine.texts(arguments.texts(1))))


def addflag(machine: Machine, arguments: Arguments) -> None:
    """Put these beside the flags that are there."""
    _put(machine, arguments, tidy([*_held(machine, arguments.text(0)), *machine.texts(arguments.texts(1))]))


def removeflag(machine: Machine, arguments: Arguments) -> None:
    """Take these away."""
    gone = {flag.lower() for flag in tidy(machine.texts(arguments.texts(1)))}
    _put(machine, arguments, tuple(flag for flag in _held(machine, arguments.text(0)) if flag.lower() not in gone))


def hasflag(machine: Machine, arguments: Arguments) -> bool:
    """Whether one of the flags matches."""
    names = arguments.texts(0) or ("",)
    held = [flag for name in names for flag in _held(machine, name)]
    keys = machine.texts(arguments.texts(1))
    if not arguments.has("count") and not arguments.has("matches"):
        keys = [word for key in keys for word in key.split()]
    return matching.matches(machine, arguments, held, keys)


def tidy(texts: Iterable[str]) -> tuple[str, ...]:
    """Flags out of strings that may hold several: each once, what is none left out (RFC 5232 2, 3)."""
    found: dict[str, str] = {}
    for text in texts:
        for word in text.split():
            is_flag = word.lower() in _SYSTEM or (_KEYWORD.fullmatch(word) and len(word) <= LONGEST_FLAG)
            if is_flag and len(found) < MOST_FLAGS:
                found.setdefault(word.lower(), word)
    return tuple(found.values())


def _held(machine: Machine, name: str) -> tuple[str, ...]:
    return tidy([machine.variable(name)]) if name else machine.flags


def _put(machine: Machine, arguments: Arguments, held: tuple[str, ...]) -> None:
    if arguments.text(0):
        machine.set(arguments.text(0), " ".join(held))
    else:
        machine.flags = held
