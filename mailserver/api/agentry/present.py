"""Entities to this face's words: ids, labels, times."""

import re
from datetime import UTC, datetime

from mailserver.api.agentry.schemas.inboxes import InboxShown
from mailserver.api.agentry.schemas.messages import AttachmentShown, MessageItem, MessageShown
from mailserver.api.agentry.schemas.threads import ThreadItem
from mailserver.entities import errors, identifiers, mail_labels
from mailserver.entities.agent_inbox import AgentInbox
from mailserver.entities.identifiers import Kind
from mailserver.entities.message import Attachment, MessageSummary
from mailserver.entities.thread import ThreadSummary
from mailserver.mail import headers, quoting
from mailserver.mail.message import Parsed

_SAFE_ID = re.compile(r"<[^<>/?#%\s]+>")
_ATTACHMENT = "att_"
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


def message_id(number: int, header_id: str, *, is_named: bool = True) -> str:
    """The Message-ID, by which clients thread; ours where it could not stand in a path, or leads to another message."""
    return header_id if is_named and _SAFE_ID.fullmatch(header_id) else identifiers.encode(Kind.MESSAGE, number)


def id_of(summary: MessageSummary) -> str:
    """The id of a message."""
    return message_id(summary.id, summary.header_id, is_named=summary.is_named)


def labels(summary: MessageSummary) -> list[str]:
    """System labels, which are derived from folders and flags, then the tenant's own."""
    return [*mail_labels.of_message(summary), *mail_labels.own(summary.labels)]


def item(summary: MessageSummary) -> MessageItem:
    """A message in a list."""
    return MessageItem(
        inbox_id=summary.inbox_address, thread_id=identifiers.encode(Kind.THREAD, summary.thread_id),
        message_id=id_of(summary), labels=labels(summary),
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
        extracted_text=quoting.extract_text(parsed.text, parsed.subject) if parsed.text else None,
        extracted_html=quoting.extract_html(parsed.html, parsed.subject) if parsed.html else None,
        headers=_headers(parsed),
    )  # fmt: skip


def attachment_id(one: Attachment) -> str:
    """The id of an attachment, which tells it from those of every other message of its thread."""
    return f"{_ATTACHMENT}{identifiers.encode(Kind.MESSAGE, one.message_id)[4:]}_{one.number.replace('.', '-')}"


def attachment(one: Attachment) -> AttachmentShown:
    """An attachment."""
    return AttachmentShown(
        attachment_id=attachment_id(one), filename=one.filename, size=one.size, content_type=one.content_type,
        content_disposition="inline" if one.disposition == "inline" else "attachment", content_id=one.content_id,
    )  # fmt: skip


def thread(summary: ThreadSummary) -> ThreadItem:
    """A thread in a list."""
    return ThreadItem(
        inbox_id=summary.inbox_address, thread_id=identifiers.encode(Kind.THREAD, summary.id),
        labels=thread_labels(summary), timestamp=when(summary.last_received_at),
        received_timestamp=when(summary.received_at) if summary.received_at else None,
        sent_timestamp=when(summary.sent_at) if summary.sent_at else None,
        senders=[person.text for person in summary.senders], recipients=[person.text for person in summary.recipients],
        subject=summary.subject, preview=summary.preview,
        attachments=[attachment(each) for each in summary.attachments] or None,
        last_message_id=message_id(
            summary.last_message_id, summary.last_header_id, is_named=summary.last_is_named
        ),
        message_count=summary.message_count, size=summary.size, updated_at=when(summary.updated_at),
        created_at=when(summary.created_at),
    )  # fmt: skip


def thread_labels(summary: ThreadSummary) -> list[str]:
    """The system labels that its messages give a thread, then the tenant's own."""
    found = []
    if summary.received_at is not None:
        found.append(mail_labels.RECEIVED)
    if summary.sent_at is not None:
        found.append(mail_labels.SENT)
    if summary.unread_count:
        found.append(mail_labels.UNREAD)
    return [*found, *mail_labels.of_place(summary.visibility), *mail_labels.own(summary.labels)]


def inbox(shown: AgentInbox) -> InboxShown:
    """An inbox."""
    one = shown.inbox
    return InboxShown(
        pod_id=pod_id(one.pod_id), inbox_id=one.address, email=one.address, display_name=one.display_name,
        client_id=shown.client_id, status=one.status, metadata=shown.metadata or None,
        updated_at=when(shown.updated_at), created_at=when(one.created_at),
    )  # fmt: skip


def pod_id(number: int) -> str:
    """The id of a pod."""
    return identifiers.encode(Kind.POD, number)


def _sender(summary: MessageSummary) -> str:
    return summary.sender[0].text if summary.sender else ""


def _headers(parsed: Parsed) -> dict[str, str]:
    fields = parsed.headers.fields[:MOST_HEADERS]
    return {name.decode("ascii", "replace"): headers.decode(value) for name, value in fields}
