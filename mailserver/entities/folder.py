"""Folder and its special-use role."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a folder is for (RFC 6154, RFC 8621 2)."""

    INBOX = "inbox"
    DRAFTS = "drafts"
    SENT = "sent"
    ARCHIVE = "archive"
    JUNK = "junk"
    TRASH = "trash"


FIRST_FOLDERS = (
    (Role.INBOX, "Inbox"),
    (Role.DRAFTS, "Drafts"),
    (Role.SENT, "Sent"),
    (Role.ARCHIVE, "Archive"),
    (Role.JUNK, "Junk"),
    (Role.TRASH, "Trash"),
)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with its counts; `parent_id` is None at the top."""

    id: int
    inbox_id: int
    parent_id: int | None
    name: str
    role: Role | None
    total_messages: int
    unread_messages: int
    total_threads: int
    unread_threads: int
    sort_order: int = 0
    is_subscribed: bool = True
