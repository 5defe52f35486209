"""Build the bytes of a new message (RFC 5322, RFC 2045, RFC 2046)."""

import binascii
import hashlib
import re
from dataclasses import dataclass

from mailserver.mail import address, dates, encoding
from mailserver.mail.address import Person
from mailserver.mail.encoding import InjectionError

_UNIQUE = re.compile(r"[A-Za-z0-9.-]{1,128}")
_ID = re.compile(r"<[\x21-\x3b=\x3f-\x7e]{1,900}>")
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_LINE_BREAK = re.compile(rb"\r\n|\r|\n")
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]")
_LETTERS_A_LINE = 76
_STEP = 57 * 4096  # whole lines
_OURS = frozenset(
    {"from", "to", "cc", "bcc", "reply-to", "subject", "date", "message-id", "in-reply-to", "references"}
    | {"mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-id"}
    | {"received", "return-path", "dkim-signature", "resent-bcc"}
)


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes with a message; with a content id and `inline` it is a picture of the HTML."""

    filename: str | None
    content_type: str
    content: bytes
    disposition: str = "attachment"
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message shall say. `date_at` is unix milliseconds; ids carry their angle brackets."""

    sender: Person
    to: tuple[Person, ...]
    cc: tuple[Person, ...]
    bcc: tuple[Person, ...]
    reply_to: tuple[Person, ...]
    subject: str
    text: str | None
    html: str | None
    attachments: tuple[File, ...]
    in_reply_to: str | None
    references: tuple[str, ...]
    header_id: str
    date_at: int
    extra_headers: tuple[tuple[str, str], ...] = ()


def compose(draft: Draft) -> bytes:
    """Write a message in seven bits, CRLF and lines of at most 998. Bcc is never written.

    InjectionError where a value would break out of its field, AddressError where an address is none.
    """
    fields = [
        encoding.text("Date", dates.write(draft.date_at // 1000)),
        encoding.people("From", (draft.sender,)),
        *[
            encoding.people(name, persons)
            for name, persons in (("To", draft.to), ("Cc", draft.cc), ("Reply-To", draft.reply_to))
            if persons
        ],
        encoding.text("Subject", draft.subject),
        encoding.structured("Message-ID", [_id(draft.header_id)]),
    ]
    parent = [draft.in_reply_to] if draft.in_reply_to and _ID.fullmatch(draft.in_reply_to) else []
    if parent:
        fields.append(encoding.structured("In-Reply-To", parent))
    # An id outside ASCII, or longer than a line, came from a stranger and cannot be written.
    ancestors = [each for each in draft.references if _ID.fullmatch(each)]
    if ancestors:
        fields.append(encoding.structured("References", ancestors))
    fields.extend(_extra(name, value) for name, value in draft.extra_headers)
    fields.append(b"MIME-Version: 1.0\r\n")
    return b"".join(fields) + _Writer(draft.header_id).body(draft)


def check_header(name: str, value: str) -> None:
    """Refuse a custom field: its name, a control character in it, or a field that the server writes itself."""
    encoding.check(name, value)
    if name.lower() in _OURS:
        raise InjectionError(f"The header {name} is written by the server.")


def new_message_id(domain: str, unique: str) -> str:
    """Make a Message-ID; ValueError where `unique` has other characters than letters, digits, dots and hyphens."""
    if not _UNIQUE.fullmatch(unique) or unique.startswith(".") or unique.endswith(".") or ".." in unique:
        raise ValueError("A message id is made of letters, digits, single dots and hyphens.")
    return f"<{unique}@{address.parse_domain(domain)}>"


def _id(header_id: str) -> str:
    if not _ID.fullmatch(header_id):
        raise InjectionError("The value of Message-ID is no message id.")
    return header_id


def _extra(name: str, value: str) -> bytes:
    check_header(name, value)
    return encoding.text(name, value)


class _Writer:
    """Writes the MIME tree of one draft."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._boundaries = 0

    def body(self, draft: Draft) -> bytes:
        """Write the body with its own Content- fields."""
        inline = [each for each in draft.attachments if each.content_id and each.disposition == "inline"]
        if draft.html is None:
            inline = []
        attached = [each for each in draft.attachments if each not in inline]
        parts: list[bytes] = []
        if draft.text is not None or draft.html is None:
            parts.append(text_part("plain", draft.text or ""))
        if draft.html is not None:
            html = text_part("html", draft.html)
            if inline:
                html = self._multipart("related", [html, *map(file_part, inline)], 'type="text/html"')
            parts.append(html)
        readable = parts[0] if len(parts) == 1 else self._multipart("alternative", parts)
        return self._multipart("mixed", [readable, *map(file_part, attached)]) if attached else readable

    def _multipart(self, subtype: str, parts: list[bytes], more: str = "") -> bytes:
        return multipart(subtype, parts, self._boundary(parts), [more] if more else [])

    def _boundary(self, parts: list[bytes]) -> str:
        while True:
            self._boundaries += 1
            made = boundary(self._seed, self._boundaries)
            if not any(made.encode("ascii") in part for part in parts):
                return made


def boundary(seed: str, number: int) -> str:
    """Make a boundary that neither base 64 nor quoted-printable can hold (RFC 2045 6.7)."""
    return f"=_{hashlib.blake2b(f'{number} {seed}'.encode(), digest_size=12).hexdigest()}"


def multipart(subtype: str, parts: list[bytes], mark: str, parameters: list[str]) -> bytes:
    """Write a multipart entity with its Content-Type field."""
    line = f"--{mark}".encode("ascii")
    head = encoding.structured("Content-Type", [f"multipart/{subtype}", *parameters, f'boundary="{mark}"'], ";")
    pieces = [head, b"\r\n"]
    for part in parts:
        pieces += (line, b"\r\n", part, b"\r\n")
    return b"".join([*pieces, line, b"--\r\n"])


def text_part(subtype: str, content: str) -> bytes:
    """Write a text entity, as it is where its lines allow, else quoted-printable or base 64."""
    octets = _LINE_BREAK.sub(b"\r\n", content.encode("utf-8", "replace"))
    if octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    label = "us-ascii" if octets.isascii() else "utf-8"
    strange = len(_NOT_TEXT.findall(octets))
    if not strange and _longest_line(octets) <= encoding.HARD_LINE:
        how = b"7bit"
    elif strange * 3 > len(octets):
        how, octets = b"base64", lines_of_base64(octets)
    else:
        how, octets = b"quoted-printable", binascii.b2a_qp(octets, istext=True)
    head = f"Content-Type: text/{subtype}; charset={label}\r\nContent-Transfer-Encoding: ".encode("ascii")
    return b"".join((head, how, b"\r\n\r\n", octets))


def _longest_line(octets: bytes) -> int:
    return max(map(len, octets.split(b"\r\n")), default=0)


def file_part(file: File) -> bytes:
    """Write a file as an entity, in base 64; a message stays readable where seven bits allow it (RFC 2046 5.2.1)."""
    kind = file.content_type.strip().lower()
    if not _TYPE.fullmatch(kind):
        kind = "application/octet-stream"
    octets, how = file.content, b"base64"
    if kind.startswith(("message/", "multipart/")):
        octets = _LINE_BREAK.sub(b"\r\n", octets)
        if kind == "message/rfc822" and not _NOT_TEXT.search(octets) and _longest_line(octets) <= encoding.HARD_LINE:
            how = b"7bit"
        else:
            kind, octets = "application/octet-stream", file.content
    if how == b"base64":
        octets = lines_of_base64(octets)
    name = encoding.parameter("name", file.filename) if file.filename else []
    filename = encoding.parameter("filename", file.filename) if file.filename else []
    word = "inline" if file.disposition == "inline" else "attachment"
    fields = [
        encoding.structured("Content-Type", [kind, *name], ";"),
        b"Content-Transfer-Encoding: " + how + b"\r\n",
        encoding.structured("Content-Disposition", [word, *filename], ";"),
    ]
    if file.content_id:
        fields.append(encoding.structured("Content-ID", [_id(f"<{file.content_id.strip('<>')}>")]))
    return b"".join([*fields, b"\r\n", octets])


def lines_of_base64(octets: bytes) -> bytes:
    """Encode in lines of 76 letters, in steps so that no other thread waits long for the interpreter."""
    return b"".join([_few_lines(octets[at : at + _STEP]) for at in range(0, len(octets), _STEP)])


def _few_lines(octets: bytes) -> bytes:
    letters = binascii.b2a_base64(octets, newline=False)
    lines = [letters[at : at + _LETTERS_A_LINE] for at in range(0, len(letters), _LETTERS_A_LINE)]
    return b"\r\n".join([*lines, b""])
