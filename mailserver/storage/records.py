"""What the journal keeps of one accepted message: whose copies, which deliveries, and the bytes or where they lie.

Every id is in the record, so that applying it twice changes nothing.
"""

import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from mailserver.entities.delivery import Delivery, QueuedMessage, State

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Copy:
    """One inbox's copy of the message."""

    message_id: int
    inbox_id: int
    tenant_id: int
    role: str  # of the folder that it goes to; '' for none, a copy that is only kept for the queue
    flags: int = 0
    visibility: int = 0
    labels: tuple[str, ...] = ()
    is_ours: bool = False
    recipient: str = ""  # the address that it was sent to
    bcc: tuple[str, ...] = ()  # of a message of ours: kept beside the file, which never names them
    verdict: str | None = None  # what was found out about its sender and content, as JSON
    folder_ids: tuple[int, ...] = ()  # where it lies instead of the folder of its role, as far as they are there
    letter: str | None = None  # what its sender is to be answered, as JSON


@dataclass(frozen=True, slots=True)
class Record:
    """One accepted message. Either `content` has its bytes, or `location` names the file that has them already."""

    copies: tuple[Copy, ...]
    received_at: int
    size: int
    content: bytes | None = None
    location: str | None = None
    queued: QueuedMessage | None = None
    deliveries: tuple[Delivery, ...] = ()
    is_news: bool = True  # False for old mail that nobody is to be told of; never in the journal
    report: str | None = None  # what a bounce or complaint says about our mail, as its own JSON
    begins_thread: bool = False  # whatever its subject is; never in the journal


def encode(record: Record, content: Sequence[bytes] = ()) -> list[bytes]:
    """The record as buffers to be written one after the other; `content` stands for its own in pieces."""
    head = orjson.dumps(
        {
            "c": [
                [
                    c.message_id,
                    c.inbox_id,
                    c.tenant_id,
                    c.role,
                    c.flags,
                    c.visibility,
                    c.labels,
                    c.is_ours,
                    c.recipient,
                    c.bcc,
                    c.verdict,
                    c.folder_ids,
                    c.letter,
                ]
                for c in record.copies
            ],
            "t": record.received_at,
            "s": record.size,
            "l": record.location,
            "q": asdict(record.queued) if record.queued else None,
            "d": [asdict(delivery) for delivery in record.deliveries],
            "r": record.report,
        }
    )
    return [_LENGTH.pack(len(head)), head, *(content or (record.content or b"",))]


def decode(payload: bytes) -> Record:
    """Read a record back; ValueError for what `encode` did not write."""
    (length,) = _LENGTH.unpack_from(payload)
    head = orjson.loads(payload[4 : 4 + length])
    return Record(
        copies=tuple(_copy(*row) for row in head["c"]),
        received_at=head["t"],
        size=head["s"],
        content=None if head["l"] else payload[4 + length :],
        location=head["l"],
        queued=QueuedMessage(**head["q"]) if head["q"] else None,
        deliveries=tuple(Delivery(**{**row, "state": State(row["state"])}) for row in head["d"]),
        report=head["r"],
    )


def _copy(*row: Any) -> Copy:
    message_id, inbox_id, tenant_id, role, flags, visibility, labels, is_ours, recipient, bcc, verdict, *more = row
    folder_ids, letter = more or ((), None)  # a version without scripts wrote neither
    return Copy(
        message_id, inbox_id, tenant_id, role, flags, visibility, tuple(labels), is_ours, recipient, tuple(bcc),
        verdict, tuple(folder_ids), letter,
    )  # fmt: skip
