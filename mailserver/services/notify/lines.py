"""Lines of webhook deliveries handed to the dispatcher, and what its tries mean for delivery and endpoint."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from mailserver.entities import identifiers
from mailserver.entities.audit import Entry
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.task import NewTask, TaskSource
from mailserver.entities.webhook import Due, Endpoint, Outcome, WebhookDelivery, WebhookState
from mailserver.services.notify import backoff
from mailserver.services.notify.posting import Tried
from mailserver.storage import audit_log, inboxes, webhook_lines, webhooks
from mailserver.storage.database import Database, Snapshot, Transaction

LEASE_MS = 60_000  # several tries of ten seconds; written anew with each batch
BATCH = 50
DISABLE_MS = 24 * 3600 * 1000  # of failures without one success
SYSTEM = "system"
log = structlog.get_logger()


class TaskMaker(Protocol):
    """Who makes tasks."""

    def add(self, tx: Transaction, inbox_id: int, new: NewTask) -> object:
        """Make a task inside a transaction that has another purpose."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """The first of a line."""

    endpoint: Endpoint
    deliveries: list[WebhookDelivery]


class Lines:
    """What one node works on. `owner` names the node and stays the same when it starts again."""

    def __init__(
        self, database: Database, ids: IdSource, tasks: TaskMaker, owner: str, clock: Callable[[], int]
    ) -> None:
        self._database = database
        self._ids = ids
        self._tasks = tasks
        self._owner = owner
        self._clock = clock

    async def recover(self) -> int:
        """Let go of what this node held when it died."""
        return await self._database.write(webhook_lines.recover, self._owner)

    async def due(self, limit: int) -> list[Due]:
        """Lines with something due that nobody works on."""
        return await self._database.read(webhook_lines.due, self._clock(), limit)

    async def next_due_at(self) -> int | None:
        """When the next line is due."""
        return await self._database.read(webhook_lines.next_due_at, self._clock())

    async def claim(self, endpoint_ids: Sequence[int]) -> list[Endpoint]:
        """Hold these lines."""
        now = self._clock()
        return await self._database.write(webhook_lines.claim, self._owner, now + LEASE_MS, now, endpoint_ids)

    async def first(self, endpoint_id: int) -> Batch | None:
        """The first of a line as it is now, with where it leads; None where there is nothing to do."""
        return await self._database.read(_first, endpoint_id, self._clock())

    async def record(self, endpoint: Endpoint, tried: Sequence[tuple[WebhookDelivery, Tried]], *, keep: bool) -> bool:
        """Write what became of tries, in the order in which they were made; whether the line may go on.

        It is held for another while where `keep` is true and it may.
        """
        return await self._database.write(self._record, endpoint, tried, keep)

    def _record(
        self,
        tx: Transaction,
        endpoint: Endpoint,
        tried: Sequence[tuple[WebhookDelivery, Tried]],
        keep: bool,  # noqa: FBT001  write takes no names
    ) -> bool:
        now = self._clock()
        outcomes = [_outcome(delivery, one, now) for delivery, one in tried]
        may_go_on = keep and (not outcomes or outcomes[-1].state is not WebhookState.WAITING)
        until = now + LEASE_MS if may_go_on else now
        webhook_lines.record(tx, endpoint.id, self._owner, until, now, outcomes)
        reason = self._reason(tx, endpoint, tried, now)
        if reason is not None and webhook_lines.is_enabled(tx, endpoint.id):
            self._disable(tx, endpoint, reason, now)
            return False
        return may_go_on

    def _reason(
        self, tx: Transaction, endpoint: Endpoint, tried: Sequence[tuple[WebhookDelivery, Tried]], now: int
    ) -> str | None:
        """Why an endpoint is to be switched off."""
        if any(one.is_gone for _, one in tried):
            return "It answered 410: it wants nothing any more."
        since = webhook_lines.failing_since(tx, endpoint.id)
        if since is None or now - since < DISABLE_MS or not tried:
            return None
        return "Nothing could be delivered for 24 hours."

    def _disable(self, tx: Transaction, endpoint: Endpoint, reason: str, now: int) -> None:
        """Switch it off, and tell its people: by a task, an event and a line of the audit log."""
        webhook_lines.disable(tx, endpoint.id, reason, now)
        number = identifiers.encode(Kind.WEBHOOK, endpoint.id)
        inbox_id = endpoint.inbox_id
        if inbox_id is None:
            inbox = inboxes.first_of_tenant(tx, endpoint.tenant_id)
            inbox_id = inbox.id if inbox else None
        if inbox_id is not None:
            text = f"{endpoint.url} was switched off. {reason} Mend the receiver, then enable the webhook again."
            self._tasks.add(tx, inbox_id, NewTask("A webhook was switched off", TaskSource.ALERT, text))
        body = {"webhook_id": number, "url": endpoint.url, "reason": reason, "origin": endpoint.origin.value}
        of = endpoint.inbox_id or 0
        tx.publish(Event(self._ids.next(), endpoint.tenant_id, of, EventType.WEBHOOK_DISABLED, now, body))
        audit_log.add(
            tx,
            Entry(
                self._ids.next(), endpoint.tenant_id, now, SYSTEM, SYSTEM, "webhook.disabled", number,
                endpoint.inbox_id, {"reason": reason},
            ),
        )  # fmt: skip
        log.warning("events.webhook.disabled", webhook_id=endpoint.id, reason=reason)


def _first(snapshot: Snapshot, endpoint_id: int, now: int) -> Batch | None:
    endpoint = webhooks.get(snapshot, endpoint_id)
    if endpoint is None or not endpoint.is_enabled:
        return None
    found = webhook_lines.first(snapshot, endpoint_id, now, BATCH)
    return Batch(endpoint, found) if found else None


def _outcome(delivery: WebhookDelivery, tried: Tried, now: int) -> Outcome:
    state, until = WebhookState.DELIVERED, None
    if not tried.is_delivered:
        wait = backoff.wait_seconds(delivery.attempts + 1, delivery.retries, delivery.backoff, tried.retry_after)
        state = WebhookState.FAILED if wait is None or tried.is_gone else WebhookState.WAITING
        until = now + int(wait * 1000) if wait is not None and state is WebhookState.WAITING else None
    return Outcome(delivery.id, state, until, tried.status, tried.duration_ms, tried.error)
