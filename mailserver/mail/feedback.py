"""Abuse reports (RFC 5965)."""

from dataclasses import dataclass

from mailserver.mail import headers, parameters, structure, transfer
from mailserver.mail.headers import Headers
from mailserver.mail.structure import Entity

_MAX_RECIPIENTS = 100
_MAX_REPORT = 128 * 1024
_TYPES = ("message/feedback-report",)
_COPIES = (
    "message/rfc822",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global",
    "message/global-headers",
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a mailbox provider says about a message of ours. Addresses are as written, without angle brackets."""

    feedback_type: str  # abuse, fraud, virus, not-spam, other …
    user_agent: str
    original_recipients: tuple[str, ...]
    original_mail_from: str | None
    original_envelope_id: str | None
    original_header_id: str | None
    original_headers: Headers | None
    arrival_at: int | None
    source_ip: str | None
    reported_domains: tuple[str, ...]


def parse(raw: bytes) -> Complaint | None:
    """Read an abuse report; None for any other message."""
    head, start = headers.split(raw)
    kind, more = parameters.content_type(head.first(b"content-type"))
    if kind != "multipart/report" or more.get("report-type", "feedback-report").lower() != "feedback-report":
        return None
    leaves = structure.read(raw, head, start).root.leaves()
    report = next((leaf for leaf in leaves if leaf.content_type in _TYPES), None)
    if report is None:
        return None
    fields, _ = headers.split(_content(raw, report).lstrip(b"\r\n"))
    copy = next((leaf for leaf in leaves if leaf.content_type in _COPIES), None)
    original = headers.split(_content(raw, copy))[0] if copy is not None else None
    ids = headers.message_ids(original.first(b"message-id")) if original is not None else ()
    return Complaint(
        feedback_type=fields.text(b"feedback-type").lower() or "abuse",
        user_agent=fields.text(b"user-agent")[:200],
        original_recipients=_recipients(fields, original),
        original_mail_from=_address(fields.text(b"original-mail-from")) or None,
        original_envelope_id=fields.text(b"original-envelope-id") or None,
        original_header_id=ids[0] if ids else None,
        original_headers=original,
        arrival_at=headers.date_ms(fields.first(b"arrival-date") or fields.first(b"received-date")),
        source_ip=fields.text(b"source-ip") or None,
        reported_domains=tuple(
            [value.strip().decode("utf-8", "replace") for value in fields.all(b"reported-domain")][:100]
        ),
    )


def _content(raw: bytes, leaf: Entity) -> bytes:
    return transfer.whole(raw, leaf.offset, min(leaf.end, leaf.offset + _MAX_REPORT), leaf.encoding)


def _recipients(fields: Headers, original: Headers | None) -> tuple[str, ...]:
    """Those the report names; else, where the copy has them in one place only, those it was written to."""
    named = [_address(headers.decode(value)) for value in fields.all(b"original-rcpt-to")[:_MAX_RECIPIENTS]]
    if not any(named) and original is not None:
        named = [person.address for person in headers.people(original.first(b"to"))]
        named = named if len(named) == 1 else []
    return tuple(dict.fromkeys(each for each in named if each))


def _address(text: str) -> str:
    return text.strip().removeprefix("<").removesuffix(">").strip()
