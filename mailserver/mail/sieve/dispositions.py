"""What becomes of a message: keep, discard, redirect, fileinto (RFC 5228 4; RFC 3894, RFC 5232, RFC 5490, RFC 8579)."""

from mailserver.mail import address
from mailserver.mail.sieve import flags
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.problem import SieveFailed
from mailserver.mail.sieve.result import Filing
from mailserver.mail.sieve.signature import Arguments, Kind, Option, Signature

LONGEST_NAME = 1_000
_COPY = {"copy": Option(None, "copy")}
_FLAGS = {"flags": Option(Kind.TEXTS, "imap4flags")}


def _complaint_of_redirect(arguments: Arguments) -> str:
    return "" if "${" in arguments.text(0) else _bad_address(arguments.text(0))


def _complaint_of_fileinto(arguments: Arguments) -> str:
    return "" if "${" in arguments.text(0) else _bad_name(arguments.text(0))


KEEP = Signature("keep", options=_FLAGS)
DISCARD = Signature("discard")
REDIRECT = Signature("redirect", (Kind.TEXT,), options=_COPY, complaint=_complaint_of_redirect)
FILEINTO = Signature(
    "fileinto", (Kind.TEXT,), "fileinto",
    _COPY | _FLAGS | {"create": Option(None, "mailbox"), "specialuse": Option(Kind.TEXT, "special-use")},
    complaint=_complaint_of_fileinto,
)  # fmt: skip


def keep(machine: Machine, arguments: Arguments) -> None:
    """Let the message go where it would have gone anyway."""
    machine.keep(_flags(machine, arguments))


def discard(machine: Machine, arguments: Arguments) -> None:
    """Do not keep it."""
    del arguments
    machine.discard()


def redirect(machine: Machine, arguments: Arguments) -> None:
    """Pass it on."""
    target = machine.text(arguments.text(0))
    complaint = _bad_address(target)
    if complaint:
        raise SieveFailed(complaint)
    machine.redirect(target, is_copy=arguments.has("copy"))


def fileinto(machine: Machine, arguments: Arguments) -> None:
    """Put it into a folder."""
    name = machine.text(arguments.text(0))
    complaint = _bad_name(name)
    if complaint:
        raise SieveFailed(complaint)
    given = _flags(machine, arguments)
    special_use = machine.text(arguments.text("specialuse"))
    filing = Filing(name, machine.flags if given is None else given, arguments.has("create"), special_use)
    machine.file(filing, is_copy=arguments.has("copy"))


def _flags(machine: Machine, arguments: Arguments) -> tuple[str, ...] | None:
    return flags.tidy(machine.texts(arguments.texts("flags"))) if arguments.has("flags") else None


def _bad_address(text: str) -> str:
    try:
        address.parse(text)
    except address.AddressError as error:
        return f"{text[:80]!r} is not an address. {error}"
    return ""


def _bad_name(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_NAME or not text.isprintable():
        return f"A folder's name has between 1 and {LONGEST_NAME:,} printable characters."
    return ""
