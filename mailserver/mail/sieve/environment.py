"""Where the script runs (RFC 5183)."""

from mailserver.mail.sieve import matching
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments, Kind, Signature

ENVIRONMENT = Signature(
    "environment", (Kind.TEXT, Kind.TEXTS), "environment", matching.OPTIONS, complaint=matching.complaint
)


def environment(machine: Machine, arguments: Arguments) -> bool:
    """Whether an item matches; one that is not known matches nothing."""
    known = machine.world.environment.get(machine.text(arguments.text(0)).lower())
    return matching.matches(machine, arguments, [] if known is None else [known], machine.texts(arguments.texts(1)))
