"""Queue rows: they are written by the transaction that stores the sent copy, so an accepted message is never unsent."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.entities.delivery import Delivery, QueuedMessage, State
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.mail.envelope import DeliverBy, Recipient
from mailserver.storage import files


@dataclass(frozen=True, slots=True)
class Terms:
    """What the sender asked for, and what the bytes are."""

    source: str
    header_id: str
    subject: str
    size: int
    eight_bit: bool = False
    smtputf8: bool = False
    require_tls: bool = False
    ret: str | None = None
    envid: str | None = None
    release_at: int | None = None  # nothing is tried before; the time that attempts may take begins then (RFC 4865)
    deliver_by: DeliverBy | None = None
    priority: int = 0


class Enqueue:
    """Makes queued messages and their deliveries."""

    def __init__(self, ids: IdSource, lifetime_seconds: float) -> None:
        self._ids = ids
        self._lifetime_ms = int(lifetime_seconds * 1000)

    def build(
        self,
        inbox: Inbox,
        sender: str,
        message_id: int | None,
        recipients: Sequence[Recipient],
        terms: Terms,
        queued_id: int | None = None,
    ) -> tuple[QueuedMessage, tuple[Delivery, ...]]:
        """A message for its recipients, due at its release; `message_id` is the copy in Sent where one is kept.

        `queued_id` is for who has named it already.
        """
        now = int(time.time() * 1000)
        due_at = max(now, terms.release_at or now)
        by = terms.deliver_by
        expires_at = due_at + self._lifetime_ms
        if by is not None and by.is_returned:
            expires_at = min(expires_at, by.at)
        queued_id = self._ids.next() if queued_id is None else queued_id
        place = files.location(inbox.id, message_id) if message_id else files.outbound_location(queued_id)
        queued = QueuedMessage(
            id=queued_id, tenant_id=inbox.tenant_id, inbox_id=inbox.id, message_id=message_id, thread_id=None,
            header_id=terms.header_id, subject=terms.subject, sender=sender,
            domain=(sender or inbox.address).rpartition("@")[2], location=place, size=terms.size,
            eight_bit=terms.eight_bit, smtputf8=terms.smtputf8, require_tls=terms.require_tls, ret=terms.ret,
            envid=terms.envid, source=terms.source, created_at=now, expires_at=expires_at,
            release_at=terms.release_at if due_at > now else None, by_at=by.at if by else None,
            by_mode=by.mode if by else None,
        )  # fmt: skip
        deliveries = tuple(
            Delivery(
                id=self._ids.next(), queued_id=queued_id, tenant_id=inbox.tenant_id, inbox_id=inbox.id,
                recipient=str(recipient.address), domain=recipient.address.domain, state=State.QUEUED,
                notify=recipient.notify, orcpt=recipient.orcpt, attempts=0, next_attempt_at=due_at, created_at=now,
                priority=terms.priority,
            )
            for recipient in recipients
        )  # fmt: skip
        return queued, deliveries
