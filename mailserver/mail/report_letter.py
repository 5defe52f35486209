"""The messages that reports travel in: written, told by their looks, opened (RFC 9990 3.5.2, RFC 8460 5.3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from mailserver.mail import compose, dates, encoding, headers, parameters, structure, transfer
from mailserver.mail.address import Person
from mailserver.mail.headers import Headers
from mailserver.mail.report_file import MOST_BYTES
from mailserver.mail.structure import Entity

DMARC, TLS = "dmarc", "tls"
MOST_NAME = 1_000
MOST_FILES = 5  # of a message that are looked at
_ENCODED = 4 / 3 * 1.05  # base 64 with its line ends
_SUBJECT = re.compile(r"\breport\s+domain:", re.IGNORECASE)
_DOMAIN = re.compile(r"\breport\s+domain:\s*([^\s;,]{1,253})", re.IGNORECASE)
_NAME = re.compile(r"[^!/\\]+![^!/\\]+![0-9]+![0-9]+(?:![^!/\\]*)?\.(?:xml|zip|gz|json)(?:\.gz)?", re.IGNORECASE)
_TLS_TYPES = ("application/tlsrpt+gzip", "application/tlsrpt+json")
_TYPES = frozenset({
    *_TLS_TYPES, "application/gzip", "application/x-gzip", "application/zip", "application/x-zip-compressed",
    "application/x-zip", "application/xml", "text/xml", "application/json", "application/octet-stream",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Letter:
    """A report on its way. Times are unix seconds; `file` is packed already."""

    kind: str
    domain: str
    submitter: str
    report_id: str
    unique: str
    begin: int
    end: int
    organization: str
    sender: str
    recipient: str
    header_id: str
    at: int
    file: bytes


def filename(kind: str, submitter: str, domain: str, begin: int, end: int, unique: str) -> str:
    """The name of the file (RFC 9990 3.5.2, RFC 8460 5.1)."""
    return f"{submitter}!{domain}!{begin}!{end}!{unique}.{'xml' if kind == DMARC else 'json'}.gz"


def write(letter: Letter) -> bytes:
    """Write the message. Nothing but seven bits, so that every server takes it."""
    what = "DMARC aggregate report" if letter.kind == DMARC else "SMTP TLS report"
    fields = [
        encoding.text("Date", dates.write(letter.at)),
        encoding.people("From", (Person(letter.sender, f"{letter.organization} reports"),)),
        encoding.people("To", (Person(letter.recipient),)),
        encoding.text(
            "Subject",
            f"Report Domain: {letter.domain} Submitter: {letter.submitter} Report-ID: <{letter.report_id}>",
        ),
        encoding.structured("Message-ID", [letter.header_id]),
        b"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n",  # RFC 3834 5: nobody answers it
    ]
    if letter.kind == TLS:
        # RFC 8460 5.3; a report about broken TLS is sent although TLS is broken (RFC 8689 5).
        fields.append(encoding.text("TLS-Report-Domain", letter.domain))
        fields.append(encoding.text("TLS-Report-Submitter", letter.submitter))
        fields.append(b"TLS-Required: No\r\n")
    days = " to ".join(f"{datetime.fromtimestamp(each, UTC):%Y-%m-%d %H:%M}" for each in (letter.begin, letter.end))
    text = (
        f"This is the {what} of {letter.submitter} for {letter.domain},\n{days} UTC.\n"
        "It is meant to be read by a program.\n"
    )
    parts = [compose.text_part("plain", text), _file(letter)]
    mark = compose.boundary(letter.header_id, 1)  # base 64 and our own sentences cannot hold it
    if letter.kind == TLS:
        return b"".join(fields) + compose.multipart("report", parts, mark, ['report-type="tlsrpt"'])
    return b"".join(fields) + compose.multipart("mixed", parts, mark, [])


def size(file_bytes: int) -> int:
    """About how many octets a file has in its message."""
    return int(file_bytes * _ENCODED)


def _file(letter: Letter) -> bytes:
    """The names stand whole and unencoded, however long: hardly any reader of reports knows RFC 2231."""
    kind = "application/gzip" if letter.kind == DMARC else _TLS_TYPES[0]
    name = filename(letter.kind, letter.submitter, letter.domain, letter.begin, letter.end, letter.unique)
    fields = [
        encoding.structured("Content-Type", [kind, f'name="{name}"'], ";"),
        b"Content-Transfer-Encoding: base64\r\n",
        encoding.structured("Content-Disposition", ["attachment", f'filename="{name}"'], ";"),
        b"\r\n",
    ]
    return b"".join([*fields, compose.lines_of_base64(letter.file)])


# -- told by its looks ------------------------------------------------------------------------------------------------


def is_likely(head: Headers) -> bool:
    """Whether a message looks like an aggregate report by its header alone."""
    if _SUBJECT.search(head.text(b"subject")) or head.count(b"tls-report-domain"):
        return True
    kind, given = parameters.content_type(head.first(b"content-type"))
    if kind == "multipart/report":
        return given.get("report-type", "").lower() == "tlsrpt"
    return kind in _TLS_TYPES or is_name(_name(head))


def is_name(name: str) -> bool:
    """Whether a file is named as the RFCs want it."""
    return len(name) <= MOST_NAME and _NAME.fullmatch(name.strip()) is not None


def domain(head: Headers) -> str:
    """The domain that the header says the report is about; '' where it says nothing."""
    named = head.text(b"tls-report-domain").strip()
    if not named:
        found = _DOMAIN.search(head.text(b"subject"))
        named = found[1] if found else ""
    return named.lower().rstrip(".")[:253]


def files(raw: bytes) -> Iterator[bytes]:
    """The files in a message that may be the report."""
    head, start = headers.split(raw)
    found = 0
    for leaf in structure.read(raw, head, start).root.leaves():
        if found >= MOST_FILES:
            return
        if leaf.content_type in _TYPES or is_name(_name(leaf.headers)):
            found += 1
            yield _content(raw, leaf)


def _content(raw: bytes, leaf: Entity) -> bytes:
    most = MOST_BYTES * 3 // 2  # base 64 with line ends; what is longer is refused when it is unpacked
    return transfer.whole(raw, leaf.offset, min(leaf.end, leaf.offset + most), leaf.encoding)


def _name(head: Headers) -> str:
    _, disposition = parameters.disposition(head.first(b"content-disposition"))
    _, kind = parameters.content_type(head.first(b"content-type"))
    return disposition.get("filename") or kind.get("name") or ""
