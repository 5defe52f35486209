"""The other tests of RFC 5228 5: true, false, header, exists, size."""

from mailserver.mail.sieve import fields, matching
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments, Kind, Option, Signature


def _complaint_of_header(arguments: Arguments) -> str:
    return matching.complaint(arguments) or fields.complaint(arguments, 0)


def _complaint_of_exists(arguments: Arguments) -> str:
    return fields.complaint(arguments, 0)


def _complaint_of_size(arguments: Arguments) -> str:
    return "" if arguments.options else "Say :over or :under."


TRUE = Signature("true")
FALSE = Signature("false")
HEADER = Signature(
    "header", (Kind.TEXTS, Kind.TEXTS), options=matching.OPTIONS | fields.INDEX, complaint=_complaint_of_header
)
EXISTS = Signature("exists", (Kind.TEXTS,), complaint=_complaint_of_exists)
SIZE = Signature(
    "size", (Kind.NUMBER,), options={"over": Option(group="relation"), "under": Option(group="relation")},
    complaint=_complaint_of_size,
)  # fmt: skip


def true(machine: Machine, arguments: Arguments) -> bool:
    """Always."""
    del machine, arguments
    return True


def false(machine: Machine, arguments: Arguments) -> bool:
    """Never."""
    del machine, arguments
    return False


def header(machine: Machine, arguments: Arguments) -> bool:
    """Whether the value of a field matches."""
    found = fields.values(machine, arguments, machine.texts(arguments.texts(0)))
    return matching.matches(machine, arguments, found, machine.texts(arguments.texts(1)))


def exists(machine: Machine, arguments: Arguments) -> bool:
    """Whether every field is there."""
    return all(machine.letter.head.count(name) for name in machine.texts(arguments.texts(0)))


def size(machine: Machine, arguments: Arguments) -> bool:
    """Whether the message is larger, or smaller; of that very size it is neither."""
    limit = arguments.number(0) or 0
    return machine.letter.size > limit if arguments.has("over") else machine.letter.size < limit
