"""Variables: `set`, and the test `string` (RFC 5229)."""

import re

from mailserver.mail.sieve import matching
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments, Kind, Option, Signature

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_WILDCARD = re.compile(r"([*?\\])")


def bad_name(name: str) -> str:
    """What is wrong with a name of a variable; '' for nothing."""
    return "" if _NAME.fullmatch(name) else f"{name[:40]!r} is no name of a variable."


def _complaint_of_set(arguments: Arguments) -> str:
    return bad_name(arguments.text(0))


SET = Signature(
    "set", (Kind.TEXT, Kind.TEXT), "variables",
    {
        "lower": Option(group="case"), "upper": Option(group="case"), "lowerfirst": Option(group="first letter"),
        "upperfirst": Option(group="first letter"), "quotewildcard": Option(), "length": Option(),
    },
    complaint=_complaint_of_set,
)  # fmt: skip
STRING = Signature("string", (Kind.TEXTS, Kind.TEXTS), "variables", matching.OPTIONS, complaint=matching.complaint)


def set_variable(machine: Machine, arguments: Arguments) -> None:
    """Give a variable its value, changed in the order of RFC 5229 4.1."""
    value = machine.text(arguments.text(1))
    if arguments.has("lower"):
        value = value.lower()
    elif arguments.has("upper"):
        value = value.upper()
    if arguments.has("lowerfirst"):
        value = value[:1].lower() + value[1:]
    elif arguments.has("upperfirst"):
        value = value[:1].upper() + value[1:]
    if arguments.has("quotewildcard"):
        value = _WILDCARD.sub(r"\\\1", value)
    if arguments.has("length"):
        value = str(len(value))
    machine.set(arguments.text(0), value)


def string(machine: Machine, arguments: Arguments) -> bool:
    """Whether a string matches; :count counts those that are not empty."""
    found = machine.texts(arguments.texts(0))
    if arguments.has("count"):
        found = [each for each in found if each]
    return matching.matches(machine, arguments, found, machine.texts(arguments.texts(1)))
