"""A stored message as an Email: what its rows know (RFC 8621 4.1.1)."""

from collections.abc import Callable, Mapping
from typing import Any

from mailserver.entities import identifiers, keyword
from mailserver.entities.email import Email
from mailserver.entities.identifiers import Kind
from mailserver.jmap import arguments, blobs
from mailserver.jmap.email.properties import IN_ROWS, Wish
from mailserver.mail.address import Person

_PEOPLE = {"from": "from", "to": "to", "cc": "cc", "bcc": "bcc", "replyTo": "reply_to"}


def shown(email: Email, wish: Wish, from_file: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that are asked for, those of the rows completed by those of the file."""
    found = {"id": identifiers.encode(Kind.MESSAGE, email.id)}
    for name in wish.properties:
        found[name] = from_file[name] if name not in IN_ROWS else in_row(email, name)
    for each in wish.headers:
        found[each.text] = from_file[each.text]
    return found


def created(email: Email) -> dict[str, Any]:
    """What a client is told of a message that it has made."""
    return {name: in_row(email, name) for name in ("id", "blobId", "threadId", "size")}


def keywords(email: Email) -> dict[str, bool]:
    """The keywords of a message."""
    return dict.fromkeys(keyword.written(email.flags, email.labels), True)


def mailbox_ids(email: Email) -> dict[str, bool]:
    """The folders of a message."""
    return {identifiers.encode(Kind.FOLDER, each): True for each in email.folder_ids}


def in_row(email: Email, name: str) -> Any:
    """One property that the rows know."""
    if name in _PEOPLE:
        return [_person(person) for person in email.people.get(_PEOPLE[name], ())] or None
    return _READERS[name](email)


def _message_id(email: Email) -> list[str] | None:
    made_up = f"<{identifiers.encode(Kind.MESSAGE, email.id)}@"
    return None if email.header_id.startswith(made_up) else [email.header_id[1:-1]]


def _person(person: Person) -> dict[str, str | None]:
    return {"name": person.name, "email": person.address}


_READERS: dict[str, Callable[[Email], Any]] = {
    "id": lambda email: identifiers.encode(Kind.MESSAGE, email.id),
    "blobId": lambda email: blobs.of(email.blob),
    "threadId": lambda email: identifiers.encode(Kind.THREAD, email.thread_id),
    "mailboxIds": mailbox_ids,
    "keywords": keywords,
    "size": lambda email: email.size,
    "receivedAt": lambda email: arguments.utc_date(email.received_at),
    "messageId": _message_id,
    "references": lambda email: [each[1:-1] for each in email.references] or None,
    "subject": lambda email: email.subject or None,
    "hasAttachment": lambda email: email.has_attachment,
    "preview": lambda email: email.preview,
}
