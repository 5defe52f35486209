"""Parts of addresses: the tests `address` and `envelope` (RFC 5228 5.1, 5.4; RFC 5233)."""

from collections.abc import Iterator

from mailserver.mail import headers
from mailserver.mail.sieve import fields, matching
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.signature import Arguments, Kind, Option, Signature

FIELDS = frozenset(
    {"from", "to", "cc", "bcc", "sender", "reply-to", "return-path", "delivered-to", "errors-to"}
    | {"resent-from", "resent-to", "resent-cc", "resent-bcc", "resent-sender", "resent-reply-to"}
    | {"disposition-notification-to", "mail-reply-to", "mail-followup-to"}
    | {"x-original-to", "envelope-to", "x-envelope-to"}
)  # fmt: skip
ENVELOPE = frozenset({"from", "to"})
_PART = "address part"
_PARTS = {
    "all": Option(group=_PART),
    "localpart": Option(group=_PART),
    "domain": Option(group=_PART),
    "user": Option(None, "subaddress", _PART),
    "detail": Option(None, "subaddress", _PART),
}


def _complaint_of_address(arguments: Arguments) -> str:
    for name in arguments.texts(0):
        if "${" not in name and name.lower() not in FIELDS:
            return f"The field {name[:40]} holds no addresses."
    return matching.complaint(arguments) or fields.complaint(arguments, 0)


def _complaint_of_envelope(arguments: Arguments) -> str:
    for name in arguments.texts(0):
        if "${" not in name and name.lower() not in ENVELOPE:
            return f"The envelope has no {name[:40]}; it has from and to."
    return matching.complaint(arguments)


ADDRESS = Signature(
    "address", (Kind.TEXTS, Kind.TEXTS), options=matching.OPTIONS | _PARTS | fields.INDEX,
    complaint=_complaint_of_address,
)  # fmt: skip
ENVELOPE_TEST = Signature(
    "envelope", (Kind.TEXTS, Kind.TEXTS), "envelope", matching.OPTIONS | _PARTS, complaint=_complaint_of_envelope
)


def address(machine: Machine, arguments: Arguments) -> bool:
    """Whether a part of an address in a field matches."""

    def found() -> Iterator[str]:
        names = [name for name in machine.texts(arguments.texts(0)) if name.lower() in FIELDS]
        for value in fields.raw(machine, arguments, names):
            machine.spend(len(value) * 4)
            for person in headers.people(value):
                yield from _part(machine, arguments, person.address)

    return matching.matches(machine, arguments, found(), machine.texts(arguments.texts(1)))


def envelope(machine: Machine, arguments: Arguments) -> bool:
    """Whether a part of the envelope's sender or recipient matches; the null sender is ''."""

    def found() -> Iterator[str]:
        for name in machine.texts(arguments.texts(0)):
            known = {"from": machine.letter.sender, "to": machine.letter.recipient}.get(name.lower())
            if known is not None:
                yield from _part(machine, arguments, known)

    return matching.matches(machine, arguments, found(), machine.texts(arguments.texts(1)))


def _part(machine: Machine, arguments: Arguments, whole: str) -> Iterator[str]:
    """The part that is asked for; nothing where an address has no detail."""
    local, at, domain = whole.rpartition("@")
    if not at:
        local, domain = whole, ""
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = local[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    user, separator, detail = local.partition(machine.world.separator)
    if arguments.has("localpart"):
        yield local
    elif arguments.has("domain"):
        yield domain
    elif arguments.has("user"):
        yield user
    elif arguments.has("detail"):
        if separator:
            yield detail
    else:
        yield whole
