"""What a client wants to send, and which of its fields could not stand in a message."""

import re
from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities import label as label_names
from mailserver.entities.message import Flag, MessageSummary
from mailserver.entities.ticket import Fork
from mailserver.mail import address as addresses
from mailserver.mail import compose, encoding
from mailserver.mail.address import AddressError, Person
from mailserver.mail.compose import File
from mailserver.mail.encoding import InjectionError

_CONTENT_ID = re.compile(r"<?[\x21-\x3b=\x3f-\x7e]{1,900}>?")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a client wants to send. Recipients of a reply are derived where `to` is empty."""

    to: tuple[Person, ...] = ()
    cc: tuple[Person, ...] = ()
    bcc: tuple[Person, ...] = ()
    reply_to: tuple[Person, ...] = ()
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    attachments: tuple[File, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()
    reply_to_message: MessageSummary | None = None
    reply_all: bool = False
    fork: Fork | None = None  # the thread beside which it begins one
    in_reply_to: str | None = None  # Message-IDs of a thread that it goes on with without being derived from it
    references: tuple[str, ...] = ()
    marks: tuple[tuple[int, Flag], ...] = ()  # messages that get a flag when this one is sent
    reaches_somebody: bool = False  # Suppressed where every recipient is; else that is told in the answer alone


def check(outgoing: Outgoing) -> None:
    """Invalid, naming the field, for a value that would break out of its header or is no address."""
    for field, people in (
        ("to", outgoing.to),
        ("cc", outgoing.cc),
        ("bcc", outgoing.bcc),
        ("reply_to", outgoing.reply_to),
    ):
        for person in people:
            _address(field, person.address)
            _plain(field, person.name)
    _plain("subject", outgoing.subject)
    for position, file in enumerate(outgoing.attachments):
        _plain(f"attachments.{position}.filename", file.filename)
        _plain(f"attachments.{position}.content_type", file.content_type)
        if file.content_id and not _CONTENT_ID.fullmatch(file.content_id):
            _refuse(f"attachments.{position}.content_id", "A content id has printable ASCII characters and no blanks.")
    for name, value in outgoing.headers:
        try:
            compose.check_header(name, value)
        except InjectionError as error:
            _refuse(f"headers.{name}", str(error), error)
    for label in outgoing.labels:
        _plain("labels", label)
        if label_names.atom(label).startswith(label_names.SYSTEM_KEYS):
            _refuse("labels", "Labels of a ticket's status and priority are put on by tickets alone.")


def plain_name(name: str) -> str:
    """A file's name from a stranger as it may stand in a header."""
    return "".join(letter if letter.isprintable() else "_" for letter in name)


def _address(field: str, text: str) -> None:
    try:
        addresses.parse(text)
    except AddressError as error:
        raise errors.Invalid(f"{text!r} is not an address.", **{field: str(error)}) from error


def _plain(field: str, value: str | None) -> None:
    try:
        encoding.check("Subject", value or "")
    except InjectionError as error:
        _refuse(field, "The value has a control character.", error)


def _refuse(field: str, sentence: str, cause: Exception | None = None) -> None:
    raise errors.Invalid(f"{field}: {sentence}", **{field: sentence}) from cause
