"""Refusing a message: reject and ereject (RFC 5429)."""

from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.result import Rejection
from mailserver.mail.sieve.signature import Arguments, Kind, Signature

LONGEST_REASON = 4_000
REJECT = Signature("reject", (Kind.TEXT,), "reject")
EREJECT = Signature("ereject", (Kind.TEXT,), "ereject")


def reject(machine: Machine, arguments: Arguments) -> None:
    """Tell the sender, in a letter where it must be."""
    machine.reject(Rejection(machine.text(arguments.text(0))[:LONGEST_REASON]))


def ereject(machine: Machine, arguments: Arguments) -> None:
    """Tell the sender by the protocol where that can be done."""
    machine.reject(Rejection(machine.text(arguments.text(0))[:LONGEST_REASON]))
