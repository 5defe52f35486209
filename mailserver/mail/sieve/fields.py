"""Header fields as tests see them, with :index and :last (RFC 5228 5.7, RFC 5260 6)."""

import re
from collections.abc import Iterator

from mailserver.mail import headers
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments, Kind, Option

INDEX = {"index": Option(Kind.NUMBER, "index"), "last": Option(None, "index")}
_NAME = re.compile(r"[!-9;-~]{1,200}")


def complaint(arguments: Arguments, place: int) -> str:
    """What is wrong with the names of fields, or with :index."""
    if arguments.has("last") and not arguments.has("index"):
        return ":last goes with :index."
    if arguments.number("index") == 0:
        return "The first field has the index 1."
    for name in arguments.texts(place) or (arguments.text(place),):
        if "${" not in name and not _NAME.fullmatch(name):
            return f"{name[:40]!r} is no name of a header field."
    return ""


def raw(machine: Machine, arguments: Arguments, names: list[str]) -> Iterator[bytes]:
    """The values of fields as they stand there."""
    number = arguments.number("index")
    for name in names:
        found = machine.letter.head.all(name)
        machine.spend(0)
        if number is None:
            yield from found
        elif number <= len(found):
            yield found[-number] if arguments.has("last") else found[number - 1]


def values(machine: Machine, arguments: Arguments, names: list[str]) -> Iterator[str]:
    """The values of fields, unfolded and decoded, without white space around them."""
    for value in raw(machine, arguments, names):
        yield headers.decode(value).strip(" \t\r\n")
