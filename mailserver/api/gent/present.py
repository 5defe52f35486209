"""Entities to this face's words: ids, people, times."""

import re
from collections.abc import Iterable
from datetime import tzinfo

from mailserver.api.gent import times
from mailserver.api.gent.schemas.messages import (
    AttachmentShown,
    Flags,
    FolderShown,
    MessageRow,
    MessageShown,
    PersonShown,
)
from mailserver.entities import identifiers
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


def row(summary: MessageSummary, zone: tzinfo | None) -> MessageRow:
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
        "label_suggestions": [],
        "event_suggestion": None,
    }


def message(summary: MessageSummary, body: MessageBody, zone: tzinfo | None) -> MessageShown:
    """One message."""
    return MessageShown(
        id=message_id(summary.id), thread_id=thread_id(summary.thread_id), sender=people(summary.sender),
        to=people(summary.to), subject=summary.subject, text_body=body.text, html_body=body.html,
        attachments=[_attachment(summary, each) for each in summary.attachments],
        received_at=times.write(summary.received_at, zone), size=summary.size, flags=_flags(summary),
        label_suggestions=[], event_suggestion=None,
    )  # fmt: skip


def folder(one: Folder) -> FolderShown:
    """A folder."""
    return FolderShown(
        id=identifiers.encode(Kind.FOLDER, one.id), name=one.name, role=one.role.value if one.role else None,
        parent_id=identifiers.encode(Kind.FOLDER, one.parent_id) if one.parent_id else None,
        total_emails=one.total_messages, unread_emails=one.unread_messages,
    )  # fmt: skip


def _flags(summary: MessageSummary) -> Flags:
    flags = int(summary.flags)
    return {"read": bool(flags & _SEEN), "starred": bool(flags & _FLAGGED)}


def _attachment(summary: MessageSummary, attachment: Attachment) -> AttachmentShown:
    return AttachmentShown(
        blob_id=blob_of_part(summary.id, attachment.number), name=attachment.filename, type=attachment.content_type,
        size=attachment.size,
    )  # fmt: skip
