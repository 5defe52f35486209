"""What workflow rules may look at and pass on: of a message that arrives, and of one that a label is put on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.label import Label
from mailserver.entities.workflow import Fact, Field
from mailserver.mail import address as addresses
from mailserver.services.notify import telling
from mailserver.storage import label_store, messages, verdicts
from mailserver.storage.database import Snapshot
from mailserver.storage.thread_book import NewMessage

LONGEST_SUBJECT = 1_000
MOST_ADDRESSES = 100


@dataclass(frozen=True, slots=True)
class Facts:
    """`fields` for conditions, `payload` for what is written."""

    tenant_id: int
    inbox_id: int
    message_id: int | None
    thread_id: int
    fields: dict[Field, Fact]
    payload: dict[str, Any]


def of_arrival(snapshot: Snapshot, message: NewMessage, thread_id: int) -> Facts:
    """Those of a message that has just been stored."""
    copy, parsed = message.copy, message.parsed
    sender = parsed.sender[0] if parsed.sender else None
    to = [copy.recipient, *(person.address for person in (*parsed.to, *parsed.cc))]
    labels = label_store.of_message(snapshot, copy.message_id) if copy.labels else []
    list_id = parsed.headers.text("List-Id")
    return _facts(
        copy.tenant_id, copy.inbox_id, copy.message_id, thread_id, message.received_at,
        (sender.address, sender.name) if sender else ("", None), to, parsed.subject, parsed.preview,
        parsed.has_attachment, orjson.loads(copy.verdict) if copy.verdict else None, labels, _list_name(list_id), None,
    )  # fmt: skip


def of_label(snapshot: Snapshot, label: Label, inbox_id: int, message_id: int | None, thread_id: int) -> Facts | None:
    """Those of a message or thread that a label was put on; of a thread, its newest message speaks for it."""
    number = message_id
    if number is None:
        row = snapshot.one("SELECT last_message_id FROM thread WHERE id = ?", (thread_id,))
        number = row[0] if row else None
    found = messages.told(snapshot, number) if number is not None else None
    if found is None or number is None:
        return None
    people = orjson.loads(found.people)
    sender = people["from"][0] if people["from"] else ("", None)
    to = [each[0] for each in people["to"] + people["cc"]]
    # Which list it came by stands in its file alone.
    return _facts(
        label.tenant_id, inbox_id, message_id, found.thread_id, found.received_at, sender, to, found.subject,
        found.preview, found.has_attachment, verdicts.get(snapshot, number), [label], None, label,
    )  # fmt: skip


def _facts(
    tenant_id: int, inbox_id: int, message_id: int | None, thread_id: int, received_at: int,
    sender: Sequence[str | None], to: Sequence[str], subject: str, preview: str, has_attachment: bool,  # noqa: FBT001  one of many fields
    verdict: dict[str, Any] | None, labels: Sequence[Label], list_id: str | None, applied: Label | None,
) -> Facts:  # fmt: skip
    address, name = _normal(sender[0] or ""), sender[1]
    domain = address.rpartition("@")[2]
    recipients = tuple(dict.fromkeys(_normal(each) for each in to if each))[:MOST_ADDRESSES]
    label_ids = tuple(identifiers.encode(Kind.LABEL, each.id) for each in labels)
    score, is_authenticated = _judged(verdict)
    fields: dict[Field, Fact] = {
        Field.TO_ADDRESS: recipients,
        Field.FROM_ADDRESS: address or None,
        Field.FROM_DOMAIN: domain or None,
        Field.SUBJECT: subject[:LONGEST_SUBJECT],
        Field.HAS_ATTACHMENT: has_attachment,
        Field.LABEL_ID: label_ids,
        Field.LIST_ID: list_id,
        Field.SPAM_SCORE: score,
        Field.IS_AUTHENTICATED: is_authenticated,
    }
    payload: dict[str, Any] = {
        "message_id": identifiers.encode(Kind.MESSAGE, message_id) if message_id is not None else None,
        "thread_id": identifiers.encode(Kind.THREAD, thread_id),
        "summary": subject[:LONGEST_SUBJECT] or "(no subject)",
        "from_address": address, "from_name": name or address, "from_domain": domain,
        "to_addresses": list(recipients), "subject": subject[:LONGEST_SUBJECT], "preview": preview,
        "received_at": telling.moment(received_at), "has_attachment": has_attachment, "list_id": list_id,
        "spam_score": score, "is_authenticated": is_authenticated, "label_ids": list(label_ids),
    }  # fmt: skip
    if applied is not None:
        payload |= {"label_id": label_ids[0], "label_key": applied.key, "label_name": applied.name}
    return Facts(tenant_id, inbox_id, message_id, thread_id, fields, payload)


def _judged(verdict: dict[str, Any] | None) -> tuple[float | None, bool | None]:
    """Score, and whether anybody answers for it; None where nobody looked."""
    if verdict is None:
        return None, None
    spam, proof = verdict.get("spam"), verdict.get("authentication")
    if proof is None:
        return (float(spam["score"]) if spam else None), None
    results = [proof["spf"]["result"], *(each["result"] for each in proof["dkim"])]
    return (float(spam["score"]) if spam else None), "pass" in results


def _list_name(text: str) -> str | None:
    """RFC 2919: the identifier in angle brackets at the end."""
    start, end = text.rfind("<"), text.rfind(">")
    name = text[start + 1 : end] if 0 <= start < end else text
    return name.strip().lower()[:255] or None


def _normal(text: str) -> str:
    try:
        return addresses.parse(text).normal
    except addresses.AddressError:
        return text.strip().lower()[:320]
