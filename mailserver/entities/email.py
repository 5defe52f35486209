"""Email: a message as a client keeps a copy of it (RFC 8621 4)."""

from dataclasses import dataclass

from mailserver.entities.message import Flag
from mailserver.mail.address import Person


@dataclass(frozen=True, slots=True)
class Email:
    """What is known of a message without a look into its file. Times are unix milliseconds."""

    id: int
    inbox_id: int
    thread_id: int
    blob: bytes
    size: int
    received_at: int
    sent_at: int | None
    flags: Flag
    labels: tuple[str, ...]  # atoms
    folder_ids: tuple[int, ...]
    has_attachment: bool
    header_id: str
    subject: str
    people: dict[str, tuple[Person, ...]]  # by from, to, cc, bcc and reply_to
    in_reply_to: str | None
    references: tuple[str, ...]
    preview: str
    modseq: int
