"""What a delivered, delayed or failed recipient means: state, events, suppression.

The queue tells it after each attempt, and a report that comes back days later is told the same way, so that "bounced"
has one meaning, and it is here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from mailserver.entities.delivery import (
    BROADCAST,
    Attempt,
    Deferred,
    Delivered,
    Delivery,
    Failed,
    FailureKind,
    Job,
    Outcome,
    QueuedMessage,
    State,
)
from mailserver.entities.event import Event, EventType
from mailserver.entities.figures import Figures
from mailserver.entities.identifiers import IdSource
from mailserver.entities.suppression import Reason, Suppression
from mailserver.mail import address
from mailserver.mail.reply import Reply
from mailserver.services.outbound import forwards
from mailserver.storage import deliveries, email_submissions, suppressions
from mailserver.storage.database import Database, Transaction

LONGEST_REPLY = 1000  # characters that are kept of what a stranger wrote
_OPEN = (State.QUEUED, State.HELD)
_RESULTS = {Delivered: "delivered", Deferred: "deferred", Failed: "failed"}
_ABOUT_THE_SENDER = ("5.1.7", "5.1.8")  # RFC 3463 3.2
_ABOUT_THE_MESSAGE = ("5.2.2.", "5.2.3.", "5.3.", "5.4.", "5.5.", "5.6.")  # RFC 3463 3.3 to 3.7


@dataclass(frozen=True, slots=True)
class Told:
    """One recipient's outcome on its way to the database."""

    message: QueuedMessage
    delivery: Delivery
    outcome: Outcome
    started_at: int


class Broadcasts(Protocol):
    """Whoever counts what becomes of broadcasts, in the same transaction."""

    def told(self, tx: Transaction, delivery_id: int, outcome: Outcome) -> None:
        """An outcome was recorded."""
        ...

    def complained(self, tx: Transaction, delivery_id: int, at: int) -> None:
        """A recipient has called it spam."""
        ...


class Outcomes:
    """Writes outcomes down."""

    def __init__(self, database: Database, ids: IdSource, broadcasts: Broadcasts, figures: Figures) -> None:
        self._database = database
        self._ids = ids
        self._broadcasts = broadcasts
        self._figures = figures

    async def tell(self, told: Sequence[Told]) -> None:
        """Record the outcomes of a round; on the disk when this returns."""
        await self._database.write(self.record_all, told)
        figures = self._figures
        for one in told:
            outcome = one.outcome
            figures.attempts[(_RESULTS[type(outcome)], outcome.tls.partition(" ")[0])] += 1
            figures.attempt_seconds.add((outcome.at - one.started_at) / 1000)
            if isinstance(outcome, Failed):
                figures.bounces[(outcome.kind.value,)] += 1

    def record(self, tx: Transaction, message: QueuedMessage, delivery: Delivery, outcome: Outcome) -> None:
        """Record one outcome."""
        self.record_all(tx, [Told(message, delivery, outcome, outcome.at)])

    def record_all(self, tx: Transaction, told: Sequence[Told]) -> None:
        """Record many outcomes in one transaction. What the operator did meanwhile to a delivery that waits stands."""
        now_in = deliveries.states(tx, [one.delivery.id for one in told])
        finished: list[tuple[State, int, str, str, str, int]] = []
        waiting: list[tuple[int, str, str, str, int]] = []
        closed: list[int] = []
        for one in told:
            outcome, delivery = one.outcome, one.delivery
            state = now_in.get(delivery.id)
            if state is None:
                continue
            told_reply = _text(outcome.reply)
            self._count(tx, one.message, delivery, outcome)
            if isinstance(outcome, Deferred):
                if state in _OPEN:
                    due_at = outcome.at if outcome.until is None else outcome.until
                    waiting.append((due_at, told_reply, outcome.host, outcome.tls, delivery.id))
                    self._tell(tx, EventType.MESSAGE_DEFERRED, one.message, delivery, outcome)
                continue
            new = State.DELIVERED if isinstance(outcome, Delivered) else State.FAILED
            finished.append((new, outcome.at, told_reply, outcome.host, outcome.tls, delivery.id))
            if state in _OPEN:
                closed.append(delivery.queued_id)
            if isinstance(outcome, Delivered):
                self._succeed(tx, one.message, delivery, outcome)
            else:
                self._fail(tx, one.message, delivery, outcome)
        if finished:
            deliveries.finish(tx, finished)
        if closed:
            deliveries.close_in_queued(tx, closed, max(one.outcome.at for one in told))
        if waiting:
            deliveries.defer(tx, waiting)
            tx.ring("queue")  # it may be due sooner than what the runner waits for
        deliveries.add_attempts(tx, ((self._ids.next(), _attempt(one)) for one in told))
        email_submissions.told(tx, sorted({one.message.id for one in told}))

    def record_report(
        self, tx: Transaction, message: QueuedMessage, delivery: Delivery, failed: Failed, *, is_proven: bool
    ) -> None:
        """A server that had taken the message says that it failed. Unless that is proven, nobody is suppressed."""
        state = (State.FAILED, failed.at, _text(failed.reply), failed.host, failed.tls, delivery.id)
        deliveries.finish(tx, [state])
        deliveries.add_attempts(tx, [(self._ids.next(), _attempt(Told(message, delivery, failed, failed.at)))])
        email_submissions.told(tx, [message.id])
        self._figures.bounces[(failed.kind.value,)] += 1  # the writer's thread is alone with this kind
        self._count(tx, message, delivery, failed)
        self._fail(tx, message, delivery, failed, may_suppress=is_proven)

    def complain(self, tx: Transaction, job: Job, at: int, feedback_type: str) -> None:
        """The recipient called the message spam (RFC 5965): it gets no more."""
        for delivery in job.deliveries:
            self._suppress(tx, delivery, Reason.SPAM_COMPLAINT, "report:arf", at)
            body = self._body(job.message, delivery) | {"feedback_type": feedback_type}
            tx.publish(self._published(EventType.MESSAGE_COMPLAINED, delivery, at, body))
            if job.message.source == BROADCAST:
                self._broadcasts.complained(tx, delivery.id, at)

    def _count(self, tx: Transaction, message: QueuedMessage, delivery: Delivery, outcome: Outcome) -> None:
        if message.source == BROADCAST:
            self._broadcasts.told(tx, delivery.id, outcome)

    def _succeed(self, tx: Transaction, message: QueuedMessage, delivery: Delivery, outcome: Delivered) -> None:
        self._tell(tx, EventType.MESSAGE_DELIVERED, message, delivery, outcome)
        if message.is_passed_on:
            forwards.delivered(tx, delivery)

    def _fail(
        self,
        tx: Transaction,
        message: QueuedMessage,
        delivery: Delivery,
        outcome: Failed,
        *,
        may_suppress: bool = True,
    ) -> None:
        if message.is_passed_on:  # not the inbox wrote to it: a forward that fails is switched off, and that is told
            if may_suppress:
                forwards.failed(tx, self._ids, delivery, outcome)
            return
        suppressed = may_suppress and is_address_at_fault(outcome)
        if suppressed:
            source = "report:dsn" if outcome.kind is FailureKind.REPORTED else "bounce:hard"
            self._suppress(tx, delivery, Reason.HARD_BOUNCE, source, outcome.at)
        tx.publish(self._event(EventType.MESSAGE_BOUNCED, message, delivery, outcome, suppressed=suppressed))

    def _suppress(self, tx: Transaction, delivery: Delivery, reason: Reason, source: str, at: int) -> None:
        try:
            normal = address.parse(delivery.recipient).normal
        except address.AddressError:  # queued by a version that read addresses more widely
            normal = delivery.recipient.lower()
        entry = Suppression(self._ids.next(), delivery.inbox_id, normal, reason, source, at)
        suppressions.add(tx, entry, delivery.tenant_id, delivery.id)

    def _tell(
        self, tx: Transaction, kind: EventType, message: QueuedMessage, delivery: Delivery, outcome: Outcome
    ) -> None:
        """Publish what became of an inbox's own mail."""
        if not message.is_passed_on:
            tx.publish(self._event(kind, message, delivery, outcome))

    def _event(
        self, kind: EventType, message: QueuedMessage, delivery: Delivery, outcome: Outcome, **more: Any
    ) -> Event:
        body = self._body(message, delivery) | _described(outcome) | more
        return self._published(kind, delivery, outcome.at, body)

    def _published(self, kind: EventType, delivery: Delivery, at: int, body: dict[str, Any]) -> Event:
        return Event(self._ids.next(), delivery.tenant_id, delivery.inbox_id, kind, at, body)

    @staticmethod
    def _body(message: QueuedMessage, delivery: Delivery) -> dict[str, Any]:
        broadcast = {"broadcast_id": message.envid} if message.source == BROADCAST else {}
        return broadcast | {
            "message_id": message.message_id,
            "thread_id": message.thread_id,
            "header_id": message.header_id,
            "subject": message.subject,
            "delivery_id": delivery.id,
            "recipient": delivery.recipient,
        }


def is_address_at_fault(outcome: Failed) -> bool:
    """Whether a failure says that the address is not to be written to again: a 5xx for it, or 5.7.x.

    A message that is too large or needs an extension, a full mailbox, a route that does not lead anywhere and a time
    that ran out say nothing about the address.
    """
    if outcome.kind in (FailureKind.UNSUPPORTED, FailureKind.EXPIRED):
        return False
    status = outcome.reply.enhanced
    if outcome.kind is FailureKind.NO_ROUTE:
        return status.startswith("5.1.")  # no such domain, or one that takes no mail (RFC 7505 4)
    if status in _ABOUT_THE_SENDER or (status + ".").startswith(_ABOUT_THE_MESSAGE):
        return False
    return outcome.reply.is_permanent and outcome.reply.code != 552  # RFC 5321 4.2.2: storage, not the address


def _described(outcome: Outcome) -> dict[str, Any]:
    body: dict[str, Any] = {
        "reply": _text(outcome.reply),
        "status": outcome.reply.enhanced,
        "host": outcome.host,
        "tls": outcome.tls,
    }
    match outcome:
        case Delivered():
            pass
        case Deferred():
            body["next_attempt_at"] = outcome.until
        case Failed():
            body["kind"] = outcome.kind.value
        case _:
            assert_never(outcome)
    return body


def _attempt(one: Told) -> Attempt:
    outcome = one.outcome
    return Attempt(
        one.delivery.id,
        one.started_at,
        outcome.at,
        outcome.host,
        _text(outcome.reply),
        outcome.tls,
        _RESULTS[type(outcome)],
    )


def _text(reply: Reply) -> str:
    return reply.line[:LONGEST_REPLY]
