"""Delivery status notifications in and out (RFC 3461, RFC 3464, RFC 6522, RFC 6533)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mailserver.mail import bounce_shapes, compose, dates, encoding, headers, structure, transfer
from mailserver.mail.address import Person
from mailserver.mail.headers import Headers
from mailserver.mail.structure import Entity

MAX_RECIPIENTS = 1_000
MAX_REPORT = 256 * 1024
MAX_RETURNED = 1024 * 1024  # a larger original comes back as its header alone, whatever RET said
_MAX_DIAGNOSTIC = 1_000
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_COPY_TYPES = (
    "message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers",
)  # fmt: skip
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_BLOCK = re.compile(rb"\r?\n[ \t]*\r?\n")
_PLUS = re.compile(r"\+([0-9A-F]{2})")
_XTEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]+")
_TYPED = re.compile(r"\s*([A-Za-z0-9-]{1,32})\s*;\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ReportedRecipient:
    """One recipient of a report, read or to be written. `address` is '' where the report names only a type."""

    address: str
    action: str  # failed, delayed, delivered, relayed or expanded
    status: str  # enhanced code; '' where the report has none
    diagnostic: str = ""
    remote_mta: str | None = None
    original: str | None = None  # addr-type;xtext as RCPT gave it (RFC 3461 4.2)
    last_attempt_at: int | None = None  # unix milliseconds
    retry_until: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says. `kind` is dsn for RFC 3464, heuristic for the older shapes."""

    kind: str
    recipients: tuple[ReportedRecipient, ...]
    original_envelope_id: str | None = None
    original_header_id: str | None = None
    original_headers: Headers | None = None
    reporting_mta: str | None = None
    arrival_at: int | None = None


def parse(raw: bytes, *, is_expected: bool = False) -> Report | None:
    """Read a delivery report; None for any other message.

    The shapes without a standard are tried where the header looks like a report, or where the caller expects one
    because it came to a signed envelope sender.
    """
    head, start = headers.split(raw)
    root = structure.read(raw, head, start).root
    leaves = root.leaves()
    original = _original(raw, leaves)
    status = next((leaf for leaf in leaves if leaf.content_type in _STATUS_TYPES), None)
    if status is not None:
        report = _standard(_text(raw, status), original)
        if report is not None:
            return report
    if not is_expected and not bounce_shapes.is_likely(head):
        return None
    found = bounce_shapes.find(raw, head)
    if not found:
        return None
    recipients = [ReportedRecipient(each.address, each.action, each.status, each.diagnostic) for each in found]
    if original is None:
        original = bounce_shapes.copy_in_text(raw, start)
    return Report("heuristic", tuple(recipients[:MAX_RECIPIENTS]), None, _header_id(original), original)


def _original(raw: bytes, leaves: list[Entity]) -> Headers | None:
    copy = next((leaf for leaf in leaves if leaf.content_type in _COPY_TYPES), None)
    return headers.split(_text(raw, copy).lstrip(b"\r\n"))[0] if copy is not None else None


def _text(raw: bytes, leaf: Entity) -> bytes:
    return transfer.whole(raw, leaf.offset, min(leaf.end, leaf.offset + MAX_REPORT), leaf.encoding)


def _header_id(original: Headers | None) -> str | None:
    ids = headers.message_ids(original.first(b"message-id")) if original is not None else ()
    return ids[0] if ids else None


def _standard(content: bytes, original: Headers | None) -> Report | None:
    """Read the blocks of a delivery-status part: one about the message, one for each recipient (RFC 3464 2.1)."""
    blocks = [headers.split(block)[0] for block in _BLOCK.split(content.strip(), MAX_RECIPIENTS + 1) if block.strip()]
    recipients: list[ReportedRecipient] = []
    about = Headers(())
    for index, block in enumerate(blocks[: MAX_RECIPIENTS + 1]):
        if index == 0:
            about = block
        recipient = _recipient(block)
        if recipient is not None:
            recipients.append(recipient)
    if not recipients:
        return None
    envelope_id = about.text(b"original-envelope-id") or None
    return Report(
        kind="dsn",
        recipients=tuple(recipients[:MAX_RECIPIENTS]),
        original_envelope_id=envelope_id,
        original_header_id=_header_id(original),
        original_headers=original,
        reporting_mta=_typed(about.text(b"reporting-mta"))[1] or None,
        arrival_at=headers.date_ms(about.first(b"arrival-date")),
    )


def _recipient(block: Headers) -> ReportedRecipient | None:
    final, original = block.text(b"final-recipient"), block.text(b"original-recipient")
    if not final and not original:
        return None
    status_field = _STATUS.search(block.text(b"status"))
    diagnostic = _typed(block.text(b"diagnostic-code"))[1][:_MAX_DIAGNOSTIC]
    status = status_field[0] if status_field else ""
    if not status or status.endswith(".0.0"):  # many say 5.0.0 and tell the reason in the diagnostic code
        inner = _STATUS.search(diagnostic)
        status = inner[0] if inner and inner[0][0] == (status or inner[0])[0] else status
    words = block.text(b"action").lower().split()
    action = words[0].strip("();,") if words else ""
    if action not in _ACTIONS:
        action = {"2": "delivered", "4": "delayed"}.get(status[:1], "failed")
    return ReportedRecipient(
        address=_address(final) or _address(original),
        action=action,
        status=status,
        diagnostic=diagnostic,
        remote_mta=_typed(block.text(b"remote-mta"))[1] or None,
        original=original or None,
        last_attempt_at=headers.date_ms(block.first(b"last-attempt-date")),
        retry_until=headers.date_ms(block.first(b"will-retry-until")),
    )


def _typed(text: str) -> tuple[str, str]:
    """Split `type; value` (RFC 3464 2.1.2)."""
    found = _TYPED.fullmatch(text)
    return (found[1].lower(), found[2].strip()) if found else ("", text.strip())


def _address(text: str) -> str:
    kind, value = _typed(text)
    if kind == "utf-8":  # RFC 6533 3
        value = _XTEXT.sub(lambda code: chr(int(code[1], 16)) if int(code[1], 16) < 0xD800 else "?", value)
    value = value.strip().removeprefix("<").removesuffix(">").strip()
    return value if "@" in value or not kind else ""


def write(
    *,
    reporting_mta: str,
    to: str,
    from_: str,
    header_id: str,
    at: int,
    arrival_at: int | None,
    envid: str | None,
    recipients: Sequence[ReportedRecipient],
    original: bytes,
    ret_full: bool,
    kind: str,
    smtputf8: bool = False,
    release_at: int | None = None,
    deliver_by_at: int | None = None,
) -> bytes:
    """Write a report about an original. `kind` is failed, delayed, delivered or relayed; times are unix milliseconds.

    Eight-bit only where the original comes back whole and is so itself; the addresses stand in UTF-8 with `smtputf8`.
    """
    fields = [
        encoding.text("Date", dates.write(at // 1000)),
        encoding.people("From", (Person(from_, "Mail Delivery System"),)),
        encoding.people("To", (Person(to),)),
        encoding.text("Subject", _SUBJECTS[kind]),
        encoding.structured("Message-ID", [header_id]),
        b"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n",  # RFC 3834 5; RFC 3464 2 wants it recognisable
    ]
    parts = [
        compose.text_part("plain", _for_people(reporting_mta, recipients, kind, deliver_by_at)),
        _status_part(
            reporting_mta, arrival_at, envid, recipients, kind, _wishes(release_at, deliver_by_at), smtputf8=smtputf8
        ),
        _copy_part(original, is_full=ret_full and kind == "failed", smtputf8=smtputf8),
    ]
    number = 1
    while any(compose.boundary(header_id, number).encode("ascii") in part for part in parts):
        number += 1
    mark = compose.boundary(header_id, number)
    return b"".join(fields) + compose.multipart("report", parts, mark, ["report-type=delivery-status"])


_SUBJECTS = {
    "failed": "Undelivered mail returned to sender",
    "delayed": "Delayed mail (still being retried)",
    "delivered": "Successful mail delivery report",
    "relayed": "Mail relayed to a server without delivery reports",
}
_OPENINGS = {
    "failed": "Your message could not be delivered to the recipients below. No further attempt will be made.",
    "delayed": "Your message could not be delivered to the recipients below yet. You need not send it again:"
    " further attempts will be made.",
    "delivered": "Your message was delivered to the recipients below.",
    "relayed": "Your message was handed to a mail server that does not send delivery reports. You may get no further"
    " word about the recipients below.",
}


_OPENINGS_BY = {  # of messages that are wanted by a time
    "failed": "Your message, wanted by {time}, could not be delivered to the recipients below."
    " No further attempt will be made.",
    "delayed": "Your message, wanted by {time}, could not be delivered to the recipients below yet."
    " You need not send it again: further attempts will be made.",
    "relayed": "Your message, wanted by {time}, was handed to another mail server. You may get no further word about"
    " the recipients below.",
}


def _wishes(release_at: int | None, deliver_by_at: int | None) -> dict[str, str | None]:
    """What a report says of the times that a message was sent with (RFC 2852 5, RFC 4865 6)."""
    until = f"until;{datetime.fromtimestamp(release_at / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}" if release_at else None
    by = dates.write(deliver_by_at // 1000) if deliver_by_at is not None else None
    return {"Deliver-By-Date": by, "Future-Release-Request": until}


def _for_people(
    reporting_mta: str, recipients: Sequence[ReportedRecipient], kind: str, deliver_by_at: int | None
) -> str:
    opening = _OPENINGS[kind]
    if deliver_by_at is not None:
        opening = _OPENINGS_BY.get(kind, opening).format(time=dates.write(deliver_by_at // 1000))
    lines = [f"This is the mail system at {reporting_mta}.", "", opening, ""]
    for each in recipients:
        lines.append(f"<{_line(each.address)}>")
        if each.remote_mta:
            lines.append(f"    Server: {_line(each.remote_mta)}")
        if each.diagnostic:
            lines.append(f"    Answer: {_line(each.diagnostic)}")
        if kind == "delayed" and each.retry_until is not None:
            lines.append(f"    Attempts end: {dates.write(each.retry_until // 1000)}")
        lines.append("")
    return "\n".join(lines)


def _line(text: str) -> str:
    return _UNSAFE.sub(" ", text)[:_MAX_DIAGNOSTIC]


def _status_part(
    reporting_mta: str,
    arrival_at: int | None,
    envid: str | None,
    recipients: Sequence[ReportedRecipient],
    kind: str,
    wishes: dict[str, str | None],
    *,
    smtputf8: bool,
) -> bytes:
    blocks = [_fields({
        "Reporting-MTA": f"dns; {reporting_mta}",
        "Original-Envelope-Id": _from_xtext(envid),
        "Arrival-Date": dates.write(arrival_at // 1000) if arrival_at is not None else None,
    } | wishes)]  # fmt: skip
    for each in recipients:
        retry = each.retry_until if kind == "delayed" else None
        attempt = each.last_attempt_at
        blocks.append(_fields({
            "Original-Recipient": _from_xtext(each.original),
            "Final-Recipient": _typed_address(each.address, smtputf8=smtputf8),
            "Action": kind,
            "Status": each.status or {"failed": "5.0.0", "delayed": "4.0.0"}.get(kind, "2.0.0"),
            "Remote-MTA": f"dns; {each.remote_mta}" if each.remote_mta else None,
            "Diagnostic-Code": f"smtp; {each.diagnostic}" if each.diagnostic else None,
            "Last-Attempt-Date": dates.write(attempt // 1000) if attempt is not None else None,
            "Will-Retry-Until": dates.write(retry // 1000) if retry is not None else None,
        }))  # fmt: skip
    content = b"\r\n".join(blocks)
    word = "message/delivery-status" if content.isascii() else "message/global-delivery-status"
    how = "7bit" if content.isascii() else "8bit"
    return f"Content-Type: {word}\r\nContent-Transfer-Encoding: {how}\r\n\r\n".encode("ascii") + content


def _fields(values: dict[str, str | None]) -> bytes:
    lines = []
    for name, value in values.items():
        if value is None:
            continue
        words = [word[: encoding.HARD_LINE // 4] for word in _line(value).split()]
        if name != "Final-Recipient":
            words = [word.encode("ascii", "replace").decode("ascii") for word in words]
        lines.append(encoding.structured(name, words or [""]))
    return b"".join(lines)


def _from_xtext(value: str | None) -> str | None:
    """What a DSN parameter of SMTP means: in a report it stands plainly (RFC 3461 4.2, 4.4)."""
    return None if value is None else _PLUS.sub(lambda code: chr(int(code[1], 16)), value)


def _typed_address(text: str, *, smtputf8: bool) -> str:
    if text.isascii():
        return f"rfc822; {text}"
    if smtputf8:
        return f"utf-8; {text}"
    return "utf-8; " + "".join(each if each.isascii() else f"\\x{{{ord(each):X}}}" for each in text)


def _copy_part(original: bytes, *, is_full: bool, smtputf8: bool) -> bytes:
    """The original, or its header alone (RFC 3461 4.3, RFC 6522 4)."""
    if is_full and len(original) <= MAX_RETURNED:
        kind = "message/rfc822" if not smtputf8 else "message/global"
        how = "7bit" if original.isascii() else "8bit"
        return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {how}\r\n\r\n".encode("ascii") + original
    _, start = headers.split(original)
    head = original[: min(start, headers.MAX_BLOCK)].rstrip(b"\r\n") + b"\r\n"
    if head.isascii():
        return b"Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + head
    kind_line = b"message/global-headers" if smtputf8 else b"text/rfc822-headers; charset=utf-8"
    how_line = b"Content-Transfer-Encoding: " + (b"8bit" if smtputf8 else b"base64")
    body = head if smtputf8 else compose.lines_of_base64(head)
    return b"Content-Type: " + kind_line + b"\r\n" + how_line + b"\r\n\r\n" + body
