"""Rows as lines of a message's story."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.delivery import Attempt, Delivery, Job, QueuedMessage, State
from mailserver.entities.event import Event
from mailserver.entities.identifiers import Kind
from mailserver.entities.message import Flag, Visibility
from mailserver.entities.story import Line
from mailserver.storage.traces import CopyRow, WebhookRow

_FOLDED = re.compile(r"\s+")
_ENDED = (State.HELD, State.SUPPRESSED, State.DROPPED)  # what no attempt tells of
_LEFT_OUT = ("subject", "preview", "labels")


def stored(copy: CopyRow, received: bytes | None) -> Line:
    """A copy in an inbox; `received` is the field that says from where it came."""
    text = _FOLDED.sub(" ", (received or b"").decode("utf-8", "replace")).strip()
    return Line(copy.received_at, "stored", _copy(copy) | {"received": text or None})


def missing(copy: CopyRow) -> Line:
    """A copy whose file is gone."""
    return Line(copy.received_at, "stored", _copy(copy) | {"received": None, "file": "missing"})


def judged(copy: CopyRow, verdict: dict[str, Any]) -> Line:
    """What was found out about it when it came."""
    return Line(copy.received_at, "judged", {"message_id": _message(copy.message_id)} | verdict)


def queued(jobs: Sequence[Job]) -> list[Line]:
    """Messages that were queued, each once."""
    messages = {job.message.id: job.message for job in jobs}
    counts: dict[int, int] = {}
    for job in jobs:
        counts[job.message.id] = counts.get(job.message.id, 0) + len(job.deliveries)
    return [
        Line(
            message.created_at, "queued",
            {
                "queue_id": message.queue_id, "source": message.source, "sender": message.sender,
                "recipients": counts[message.id], "size": message.size, "release_at": message.release_at,
                "expires_at": message.expires_at, "forwarded_by": message.forwarded_by,
            },
        )
        for message in messages.values()
    ]  # fmt: skip


def delivery(message: QueuedMessage, row: Delivery, attempts: Sequence[Attempt]) -> Iterator[Line]:
    """Every attempt for a recipient, and how it stands where that is none's outcome."""
    about = {
        "queue_id": message.queue_id, "delivery_id": identifiers.encode(Kind.DELIVERY, row.id),
        "recipient": row.recipient,
    }  # fmt: skip
    for each in attempts:
        facts = {
            "host": each.host, "tls": each.tls, "reply": each.reply, "ms": each.finished_at - each.started_at,
        }  # fmt: skip
        yield Line(each.finished_at, each.result, about | facts)
    if row.state is State.QUEUED:
        facts = {"next_attempt_at": row.next_attempt_at, "attempts": row.attempts, "reply": row.last_reply}
        yield Line(row.next_attempt_at, "due", about | facts)
    elif row.state in _ENDED:
        yield Line(row.finished_at or row.created_at, row.state.value, about | {"reply": row.last_reply})


def event(told: Event) -> Line:
    """An event of the log, with the ids in it as the outside has them."""
    facts: dict[str, Any] = {"event_id": identifiers.encode(Kind.EVENT, told.id)}
    for name, value in told.body.items():
        kind = {"message_id": Kind.MESSAGE, "thread_id": Kind.THREAD, "delivery_id": Kind.DELIVERY}.get(name)
        if name not in _LEFT_OUT:
            facts[name] = identifiers.encode(kind, value) if kind and isinstance(value, int) else value
    return Line(told.occurred_at, f"event {told.type.value}", facts)


def webhook(row: WebhookRow) -> Line:
    """An application that was told, or is to be."""
    return Line(
        row.finished_at or row.created_at, f"webhook {row.state}",
        {
            "webhook_delivery_id": identifiers.encode(Kind.WEBHOOK_DELIVERY, row.id), "type": row.type,
            "host": row.host, "attempts": row.attempts, "status": row.status, "error": row.error,
        },
    )  # fmt: skip


def audited(at: int, actor: str, action: str, object_id: str) -> Line:
    """What somebody did by the API."""
    return Line(at, f"did {action}", {"actor": actor, "object_id": object_id})


def _copy(copy: CopyRow) -> dict[str, Any]:
    return {
        "message_id": _message(copy.message_id), "inbox": copy.inbox, "folders": list(copy.folders),
        "flags": [flag.name.lower() for flag in Flag if flag.name and copy.flags & flag],
        "visibility": Visibility(copy.visibility).name.lower(), "is_ours": bool(copy.is_ours), "size": copy.size,
        "subject": copy.subject,
    }  # fmt: skip


def _message(number: int) -> str:
    return identifiers.encode(Kind.MESSAGE, number)
