"""A held call as octets: everything that it was made of, to be run as it was asked for."""

import base64
from dataclasses import dataclass, replace
from typing import Any

import orjson

from mailserver.entities.message import MessageSummary
from mailserver.entities.ticket import Fork, TicketChange, TicketPriority
from mailserver.mail.address import Person
from mailserver.mail.compose import File
from mailserver.services.outbound.outgoing import Outgoing


@dataclass(frozen=True, slots=True)
class HeldSend:
    """A message that is to be sent; `original_id` is the message that it answers."""

    draft: Outgoing
    original_id: int | None

    def outgoing(self, original: MessageSummary | None) -> Outgoing:
        """What goes to the service that sends."""
        return replace(self.draft, reply_to_message=original)


@dataclass(frozen=True, slots=True)
class HeldDelete:
    """A message that is to be deleted; for good where it lay in Trash then."""

    message_id: int
    is_final: bool


def write_send(outgoing: Outgoing) -> bytes:
    """The octets of a message that is held. Blocks where there are large files."""
    original = outgoing.reply_to_message
    return orjson.dumps(
        {
            "people": [
                [[one.address, one.name] for one in people]
                for people in (outgoing.to, outgoing.cc, outgoing.bcc, outgoing.reply_to)
            ],
            "subject": outgoing.subject, "text": outgoing.text, "html": outgoing.html,
            "attachments": [
                [one.filename, one.content_type, base64.b64encode(one.content).decode(), one.disposition,
                 one.content_id]
                for one in outgoing.attachments
            ],
            "headers": outgoing.headers, "labels": outgoing.labels, "reply_all": outgoing.reply_all,
            "original_id": original.id if original else None, "fork": _fork(outgoing.fork),
        }
    )  # fmt: skip


def read_send(payload: bytes) -> HeldSend:
    """The message. Blocks where there are large files."""
    held = orjson.loads(payload)
    to, cc, bcc, reply_to = (tuple(Person(*one) for one in people) for people in held["people"])
    draft = Outgoing(
        to=to, cc=cc, bcc=bcc, reply_to=reply_to, subject=held["subject"], text=held["text"], html=held["html"],
        attachments=tuple(
            File(name, kind, base64.b64decode(content), disposition, content_id)
            for name, kind, content, disposition, content_id in held["attachments"]
        ),
        headers=tuple((name, value) for name, value in held["headers"]), labels=tuple(held["labels"]),
        reply_all=held["reply_all"], fork=_read_fork(held.get("fork")),
    )  # fmt: skip
    return HeldSend(draft, held["original_id"])


def _fork(fork: Fork | None) -> dict[str, Any] | None:
    if fork is None:
        return None
    wanted = fork.ticket
    ticket = [wanted.class_label_key, wanted.priority.value if wanted.priority else None] if wanted else None
    return {"thread_id": fork.thread_id, "note": fork.note, "ticket": ticket, "user_id": fork.user_id}


def _read_fork(held: dict[str, Any] | None) -> Fork | None:
    if held is None:
        return None
    ticket = None
    if held["ticket"] is not None:
        key, priority = held["ticket"]
        ticket = TicketChange(class_label_key=key, priority=TicketPriority(priority) if priority else None)
    return Fork(held["thread_id"], held["note"], ticket, held["user_id"])


def write_delete(held: HeldDelete) -> bytes:
    """The octets of a removal that is held."""
    return orjson.dumps([held.message_id, held.is_final])


def read_delete(payload: bytes) -> HeldDelete:
    """The removal."""
    return HeldDelete(*orjson.loads(payload))


def write_broadcast(fields: list[str | None]) -> bytes:
    """The octets of a broadcast that is held."""
    return orjson.dumps({"broadcast": fields})


def read_broadcast(payload: bytes) -> list[str]:
    """The fields of a broadcast, as they were written."""
    fields: list[str] = orjson.loads(payload)["broadcast"]
    return fields


def is_broadcast(payload: bytes) -> bool:
    """Whether it is a broadcast that is held."""
    return payload.startswith(b'{"broadcast":')
