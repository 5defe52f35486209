"""Asking whether folders are there (RFC 5490 3.1, RFC 8579 3)."""

from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments, Kind, Signature

MAILBOXEXISTS = Signature("mailboxexists", (Kind.TEXTS,), "mailbox")
SPECIALUSE_EXISTS = Signature("specialuse_exists", (Kind.TEXT, Kind.TEXTS), "special-use", first_is_optional=True)


def mailboxexists(machine: Machine, arguments: Arguments) -> bool:
    """Whether every folder is there."""
    return all(name.lower() in machine.world.folders for name in machine.texts(arguments.texts(0)))


def specialuse_exists(machine: Machine, arguments: Arguments) -> bool:
    """Whether there is a folder for every use; with a folder named, whether it has them all."""
    uses = machine.world.special_uses
    wanted = [use.lower() for use in machine.texts(arguments.texts(1))]
    if arguments.values[0] is None:
        return all(use in uses for use in wanted)
    name = machine.text(arguments.text(0)).lower()
    return all(uses.get(use, "\0").lower() == name for use in wanted)
