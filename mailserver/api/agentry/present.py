"""Entities to this face's words: ids, labels, times."""

import re
from datetime import UTC, datetime

from mailserver.api.agentry.schemas.messages import (
    AttachmentShown,
    MessageItem,
    MessageShown,
    ThreadItem,
)
from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.message import Attachment, Flag, MessageSummary, Visibility
from mailserver.entities.thread import ThreadSummary
from mailserver.mail import headers, quoting
from mailserver.mail.message import Parsed

_SAFE_ID = re.compile(r"<[^<>/?#%\s]+>")
_SYSTEM = {Visibility.SPAM: "spam", Visibility.TRASH: "trash", Visibility.BLOCKED: "blocked"}
MOST_HEADERS = 200


def when(milliseconds: int) -> str:
    """`2026-01-01T00:00:00.000Z`."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def moment(text: str | None, field: str) -> int | None:
    """Unix milliseconds of an ISO 8601 time, UTC where it has no offset."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError as error:
        sentence = "Write a time such as 2026-01-01T00:00:00Z."
        raise errors.Invalid(sentence, **{field: sentence}) from error
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000)


def message_id(number: int, header_id: str) -> str:
    """The Message-ID, by which clients thread; ours where it could not stand in a path."""
    return header_id if _SAFE_ID.fullmatch(header_id) else identifiers.encode(Kind.MESSAGE, number)


def labels(summary: MessageSummary) -> list[str]:
    """System labels, which are derived from folders and flags, then the tenant's own."""
    found = ["sent" if summary.is_ours else "received"]
    if not summary.flags & (Flag.SEEN | Flag.DRAFT):
        found.append("unread")
    if summary.flags & Flag.FLAGGED:
        found.append("starred")
    if summary.visibility in _SYSTEM:
        found.append(_SYSTEM[summary.visibility])
    return [*found, *(name for name in summary.labels if name not in found)]


def item(summary: MessageSummary) -> MessageItem:
    """A message in a list."""
    return MessageItem(
        inbox_id=summary.inbox_address, thread_id=identifiers.encode(Kind.THREAD, summary.thread_id),
        message_id=message_id(summary.id, summary.header_id), labels=labels(summary),
        timestamp=when(summary.received_at), sender=_sender(summary), to=[person.text for person in summary.to],
        cc=[person.text for person in summary.cc] or None, bcc=[person.text for person in summary.bcc] or None,
        subject=summary.subject, preview=summary.preview,
        attachments=[attachment(each) for each in summary.attachments] or None,
        in_reply_to=summary.in_reply_to, references=list(summary.references) or None, size=summary.size,
        updated_at=when(summary.updated_at), created_at=when(summary.created_at),
    )  # fmt: skip


def message(summary: MessageSummary, parsed: Parsed) -> MessageShown:
    """One message, with the new text set apart from what it quotes. Blocks: quoting is searched for."""
    shown = item(summary)
    return MessageShown(
        **shown.model_dump(exclude={"headers"}, by_alias=False),
        reply_to=[person.text for person in summary.reply_to] or None,
        text=parsed.text, html=parsed.html,
        extracted_text=quoting.extract_text(parsed.text) if parsed.text else None,
        extracted_html=quoting.extract_html(parsed.html) if parsed.html else None,
        headers=_headers(parsed),
    )  # fmt: skip


def attachment(one: Attachment) -> AttachmentShown:
    """An attachment; its id is its section in the message."""
    return AttachmentShown(
        attachment_id=one.number, filename=one.filename, size=one.size, content_type=one.content_type,
        content_disposition="inline" if one.disposition == "inline" else "attachment", content_id=one.content_id,
    )  # fmt: skip


def thread(summary: ThreadSummary, system: list[str]) -> ThreadItem:
    """A thread in a list; `system` are the labels that its messages give it."""
    return ThreadItem(
        inbox_id=summary.inbox_address, thread_id=identifiers.encode(Kind.THREAD, summary.id),
        labels=list(dict.fromkeys([*system, *summary.labels])), timestamp=when(summary.last_received_at),
        received_timestamp=when(summary.received_at) if summary.received_at else None,
        sent_timestamp=when(summary.sent_at) if summary.sent_at else None,
        senders=[person.text for person in summary.senders], recipients=[person.text for person in summary.recipients],
        subject=summary.subject, preview=summary.preview,
        attachments=[attachment(each) for each in summary.attachments] or None,
        last_message_id=message_id(summary.last_message_id, summary.last_header_id),
        message_count=summary.message_count, size=summary.size, updated_at=when(summary.updated_at),
        created_at=when(summary.created_at),
    )  # fmt: skip


def system_labels(summary: ThreadSummary) -> list[str]:
    """The system labels of a thread."""
    found = []
    if summary.received_at is not None:
        found.append("received")
    if summary.sent_at is not None:
        found.append("sent")
    if summary.unread_count:
        found.append("unread")
    if summary.visibility in _SYSTEM:
        found.append(_SYSTEM[summary.visibility])
    return found


def _sender(summary: MessageSummary) -> str:
    return summary.sender[0].text if summary.sender else ""


def _headers(parsed: Parsed) -> dict[str, str]:
    fields = parsed.headers.fields[:MOST_HEADERS]
    return {name.decode("ascii", "replace"): headers.decode(value) for name, value in fields}
