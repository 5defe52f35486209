"""Entities to this face's words: ids, people, times."""

import re
from collections.abc import Iterable
from datetime import tzinfo

from mailserver.api.gent import moments, times
from mailserver.api.gent.schemas.messages import (
    AttachmentShown,
    EventSuggestion,
    Flags,
    FolderShown,
    LabelSuggestion,
    MessageRow,
    MessageShown,
    PersonShown,
)
from mailserver.entities import identifiers
from mailserver.entities.enrichment import Suggested
from mailserver.entities.folder import Folder
from mailserver.entities.identifiers import Kind
from mailserver.entities.message import Attachment, Flag, MessageBody, MessageSummary
from mailserver.mail.address import Person

_SEEN, _FLAGGED = int(Flag.SEEN), int(Flag.FLAGGED)
_PART = re.compile(r"G([0-9A-Z]{13})\.([0-9]+(?:\.[0-9]+)*)")


def message_id(number: int) -> str:
    """A message's id."""
    return identifiers.encode(Kind.MESSAGE, number)


def thread_id(number: int) -> str:
    """A thread's id."""
    return identifiers.encode(Kind.THREAD, number)


def blob_of_part(number: int, part: str) -> str:
    """The blob id of a received attachment: its message and section, so that access is the message's."""
    return f"G{message_id(number).partition('_')[2]}.{part}"


def part_of_blob(blob_id: str) -> tuple[str, str] | None:
    """The message id and section behind a received attachment's blob id; None for an upload's."""
    found = _PART.fullmatch(blob_id)
    return (f"{Kind.MESSAGE.value}_{found[1]}", found[2]) if found else None


def people(everyone: Iterable[Person]) -> list[PersonShown]:
    """The people of a header field."""
    return [
        {"email": person.address, "name": person.name} if person.name else {"email": person.address}
        for person in everyone
    ]


def row(summary: MessageSummary, zone: tzinfo | None, suggested: Suggested | None = None) -> MessageRow:
    """A message in a list."""
    return {
        "id": message_id(summary.id),
        "thread_id": thread_id(summary.thread_id),
        "from": people(summary.sender),
        "to": people(summary.to),
        "subject": summary.subject,
        "received_at": times.write(summary.received_at, zone),
        "size": summary.size,
        "flags": _flags(summary),
        "label_suggestions": _labels(suggested) if suggested else [],
        "event_suggestion": _event(suggested, zone) if suggested else None,
    }


def message(
    summary: MessageSummary, body: MessageBody, zone: tzinfo | None, suggested: Suggested | None = None
) -> MessageShown:
    """One message."""
    return MessageShown(
        id=message_id(summary.id), thread_id=thread_id(summary.thread_id), sender=people(summary.sender),
        to=people(summary.to), subject=summary.subject, text_body=body.text, html_body=body.html,
        attachments=[_attachment(summary, each) for each in summary.attachments],
        received_at=times.write(summary.received_at, zone), size=summary.size, flags=_flags(summary),
        label_suggestions=_labels(suggested) if suggested else [],
        event_suggestion=_event(suggested, zone) if suggested else None,
    )  # fmt: skip


def folder(one: Folder) -> FolderShown:
    """A folder."""
    return FolderShown(
        id=identifiers.encode(Kind.FOLDER, one.id), name=one.name, role=one.role.value if one.role else None,
        parent_id=identifiers.encode(Kind.FOLDER, one.parent_id) if one.parent_id else None,
        total_emails=one.total_messages, unread_emails=one.unread_messages,
    )  # fmt: skip


def _labels(suggested: Suggested) -> list[LabelSuggestion]:
    return [
        LabelSuggestion(
            label_id=identifiers.encode(Kind.LABEL, each.label.id), label_name=each.label.name,
            confidence=each.confidence,
        )
        for each in suggested.labels
    ]  # fmt: skip


def _event(suggested: Suggested, zone: tzinfo | None) -> EventSuggestion | None:
    found = suggested.occasion
    if found is None:
        return None
    return EventSuggestion(
        title=found.title, start=times.write(found.start_at, zone),
        duration=moments.written(found.end_at - found.start_at), location=found.location,
        description=found.description, participants=people(found.participants),
    )  # fmt: skip


def _flags(summary: MessageSummary) -> Flags:
    flags = int(summary.flags)
    return {"read": bool(flags & _SEEN), "starred": bool(flags & _FLAGGED)}


def _attachment(summary: MessageSummary, attachment: Attachment) -> AttachmentShown:
    return AttachmentShown(
        blob_id=blob_of_part(summary.id, attachment.number), name=attachment.filename, type=attachment.content_type,
        size=attachment.size,
    )  # fmt: skip
