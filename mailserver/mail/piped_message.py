"""A message as a program on this machine pipes it into sendmail(8): made one that can be sent."""

import re
from dataclasses import dataclass

from mailserver.mail import address, encoding, headers
from mailserver.mail.address import AddressError, Person

_LINE_END = re.compile(rb"\r\n|\r|\n")
_LONE_DOT = re.compile(rb"^\.\r?$", re.MULTILINE)
_COMMENT = re.compile(r"\(([^()]{1,200})\)")
_STRUCTURED = re.compile(r"[\"()<>:;]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FIELD = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*")
_NAMED = ("to", "cc", "bcc")


@dataclass(frozen=True, slots=True)
class PipedMessage:
    """Header fields with their line ends, and the rest from the blank line on; CRLF everywhere."""

    fields: tuple[bytes, ...]
    body: bytes

    @property
    def content(self) -> bytes:
        """The whole message."""
        return b"".join(self.fields) + self.body

    def recipients(self) -> list[str]:
        """Whom its header names: those it is resent to, else To, Cc and Bcc. Some may have no domain."""
        head, _ = headers.split(self.content)
        resent = any(head.count(f"resent-{name}") for name in _NAMED)
        return [
            person.address
            for name in _NAMED
            for value in head.all(f"resent-{name}" if resent else name)
            for person in _people(value)
        ]

    def author(self) -> tuple[Person | None, str]:
        """Who is in From, where that is one person with an address, and the name that stands there at all."""
        value = headers.split(self.content)[0].first("from")
        if value is None:
            return None, ""
        people = headers.people(value)
        if len(people) == 1:
            return people[0], people[0].name or ""
        comment = _COMMENT.search(headers.decode(value))  # root (Cron Daemon)
        return None, comment[1].strip() if comment else ""

    def sent_by(self, person: Person) -> "PipedMessage":
        """The same from somebody else; who stood there is kept in X-Original-From, and Sender goes."""
        kept = [
            b"X-Original-" + field if _name(field) == b"from" else field
            for field in self.fields if _name(field) != b"sender"
        ]  # fmt: skip
        return PipedMessage((encoding.people("From", (person,)), *kept), self.body)

    def qualified(self, domain: str) -> "PipedMessage":
        """The same with a domain behind the names in To and Cc that have none."""
        return PipedMessage(tuple(_qualified(field, domain) for field in self.fields), self.body)


def read(raw: bytes, *, ends_at_dot: bool) -> PipedMessage:
    """What was piped in, up to a line of one dot where that ends it. Text without a header gets an empty one."""
    if ends_at_dot:
        found = _LONE_DOT.search(raw)
        raw = raw[: found.start()] if found else raw
    if raw.startswith(b"From "):  # the line of an mbox
        raw = raw[raw.find(b"\n") + 1 :]
    text = _LINE_END.sub(b"\r\n", raw)
    if text and not text.endswith(b"\r\n"):
        text += b"\r\n"
    head, start = headers.split(text)
    if not head.fields:
        return PipedMessage((), text if text.startswith(b"\r\n") else b"\r\n" + text)
    has_border = text[:start].endswith(b"\r\n\r\n")
    block = text[: start - 2] if has_border else text[:start]
    return PipedMessage(tuple(_FIELD.findall(block)), text[start - 2 :] if has_border else b"\r\n" + text[start:])


def address_of(text: str, domain: str) -> str:
    """An address as it was written, with a domain where it has none; AddressError where it is none."""
    if _PLAIN_NAME.fullmatch(text):
        return f"{text}@{domain}"
    return str(address.parse(text))


def _people(value: bytes) -> tuple[Person, ...]:
    """An address list; names without a domain stand alone, or between plain addresses."""
    text = headers.decode(value)
    if _STRUCTURED.search(text):
        return headers.people(value)
    return tuple(Person(each) for each in (part.strip() for part in text.split(",")) if each)


def _qualified(field: bytes, domain: str) -> bytes:
    if _name(field) not in (b"to", b"cc"):
        return field
    people = _people(field.partition(b":")[2].strip())
    if not any(_PLAIN_NAME.fullmatch(person.address) for person in people):
        return field
    try:
        written = tuple(Person(address_of(person.address, domain), person.name) for person in people)
        return encoding.people(field.partition(b":")[0].decode("ascii"), written)
    except (AddressError, encoding.InjectionError):  # as it was: whoever reads it makes of it what he can
        return field


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].strip().lower()
