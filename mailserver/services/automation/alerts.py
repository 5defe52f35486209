"""Alert rules, through the caller's eyes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mailserver.entities import errors
from mailserver.entities.access import Caller, Credential
from mailserver.entities.alert import DEFAULT_RETRIES, Alert, AlertDelivery, Offset
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.task import Task
from mailserver.entities.webhook import Backoff, Origin
from mailserver.services.automation import templates
from mailserver.services.automation.endpoints import RuleEndpoints
from mailserver.services.automation.firing import Firing
from mailserver.services.notify import catalogue, particulars
from mailserver.services.notify.posting import Posting, Tried
from mailserver.services.workspace import reach
from mailserver.storage import alerts, webhooks
from mailserver.storage.database import Database, Snapshot, Transaction

MOST_EVENTS = 50
MOST_RETRIES = 10
LONGEST_OFFSET_MS = 366 * 86_400_000
TEST = "alert.test"
_SENTENCE = "This is a test."


class Planner(Protocol):
    """Knows what a rule has to wait for."""

    def plan(self, tx: Transaction, alert: Alert) -> None:
        """Let a rule wait for what is there already."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rule is to be."""

    events: tuple[str, ...]
    delivery: AlertDelivery
    target: str
    offset: Offset | None = None
    filter: dict[str, Any] | None = None
    threshold: int | None = None
    is_enabled: bool = True
    retries: int = DEFAULT_RETRIES
    backoff: Backoff = Backoff.EXPONENTIAL


@dataclass(frozen=True, slots=True)
class Tested:
    """What became of a test: an answer to a webhook, or a task."""

    delivery: AlertDelivery
    tried: Tried | None
    task: Task | None


class Alerts:
    """Rules that tell an inbox's people, or their programs, what happens. A secret is shown when it is made."""

    def __init__(
        self, database: Database, ids: IdSource, endpoints: RuleEndpoints, planner: Planner, told: Firing,
        posting: Posting,
    ) -> None:  # fmt: skip
        self._database = database
        self._ids = ids
        self._endpoints = endpoints
        self._planner = planner
        self._firing = told
        self._posting = posting

    async def of_inbox(self, inbox: Inbox) -> list[Alert]:
        """The rules of an inbox, oldest first."""
        return await self._database.read(alerts.of_inbox, inbox.id)

    async def get(self, caller: Caller, text: str, inbox: Inbox | None = None) -> Alert:
        """One rule."""
        return await self._database.read(_one, caller, text, inbox)

    async def create(self, caller: Caller, inbox: Inbox, wanted: Wanted) -> tuple[Alert, str | None]:
        """Make a rule; the secret that verifies its webhooks, where it has any."""
        checked, now = self._checked(caller, wanted), _now()
        alert = Alert(
            self._ids.next(), inbox.tenant_id, inbox.id, checked.events, checked.delivery, checked.target,
            checked.offset, checked.filter or {}, checked.threshold, checked.is_enabled, checked.retries,
            checked.backoff, None, now, now,
        )  # fmt: skip

        def write(tx: Transaction) -> tuple[Alert, str | None]:
            reach.still_open(tx, inbox)
            if alerts.count(tx, inbox.id) >= alerts.MOST:
                raise errors.Conflict(f"An inbox has {alerts.MOST} alerts at most.")
            return self._put(tx, alert, None)

        return await self._database.write(write)

    async def change(
        self, caller: Caller, text: str, wanted: dict[str, Any], inbox: Inbox | None = None
    ) -> tuple[Alert, str | None]:
        """Change what is named; the secret of a webhook that leads elsewhere now."""

        def write(tx: Transaction) -> tuple[Alert, str | None]:
            known = _one(tx, caller, text, inbox)
            _refuse_admin(caller, known.events)
            before = Wanted(
                known.events, known.delivery, known.target, known.offset, known.filter, known.threshold,
                known.is_enabled, known.retries, known.backoff,
            )  # fmt: skip
            checked = self._checked(caller, replace(before, **wanted))
            alert = replace(
                known, events=checked.events, delivery=checked.delivery, target=checked.target, offset=checked.offset,
                filter=checked.filter or {}, threshold=checked.threshold, is_enabled=checked.is_enabled,
                retries=checked.retries, backoff=checked.backoff, updated_at=_now(),
            )  # fmt: skip
            return self._put(tx, alert, known)

        return await self._database.write(write)

    async def remove(self, caller: Caller, text: str, inbox: Inbox | None = None) -> None:
        """Delete a rule, and what waits for it."""

        def write(tx: Transaction) -> None:
            known = _one(tx, caller, text, inbox)
            alerts.remove(tx, known.id)
            if known.endpoint_id is not None:
                self._endpoints.remove(tx, known.endpoint_id)
            tx.ring(webhooks.SUBSCRIPTIONS)

        await self._database.write(write)

    async def test(
        self, caller: Caller, inbox: Inbox, text: str | None, delivery: AlertDelivery | None, target: str | None
    ) -> Tested:
        """Tell something at once: by a rule, or by a way that no rule has yet."""
        alert = await self.get(caller, text, inbox) if text is not None else None
        if alert is not None:
            _refuse_admin(caller, alert.events)
            delivery, target = alert.delivery, alert.target
        if delivery is None or target is None:
            raise errors.Invalid("Say what to test.", delivery="alert_id or delivery is required.")
        target = self._target(delivery, target)
        event = Event(
            self._ids.next(), inbox.tenant_id, inbox.id, EventType.MESSAGE_RECEIVED, _now(), {"message": _SENTENCE}
        )
        shown = {**await self._database.read(particulars.told, event), "type": TEST}
        if delivery is AlertDelivery.TASK:
            made = await self._database.write(self._make_task, inbox, event, target, particulars.text(shown))
            return Tested(delivery, None, made)
        endpoint_id = alert.endpoint_id if alert is not None else None
        endpoint = await self._database.read(self._endpoints.get, endpoint_id) if endpoint_id is not None else None
        body, number = particulars.text(shown), self._ids.next()
        tried = await self._posting.post(endpoint or self._endpoints.unwritten(inbox, target), number, body)
        return Tested(delivery, tried, None)

    def _make_task(self, tx: Transaction, inbox: Inbox, event: Event, target: str, text: str) -> Task | None:
        reach.still_open(tx, inbox)
        alert = Alert(
            0, inbox.tenant_id, inbox.id, (), AlertDelivery.TASK, target, None, {}, None, True, 0, Backoff.FIXED, None,
            0, 0,
        )  # fmt: skip
        return self._firing.fire(tx, alert, event.id, TEST, text)

    def _put(self, tx: Transaction, alert: Alert, before: Alert | None) -> tuple[Alert, str | None]:
        """Write a rule with its endpoint and with what it waits for."""
        secret, endpoint_id = None, alert.endpoint_id
        is_webhook = alert.delivery is AlertDelivery.WEBHOOK
        if endpoint_id is not None and (not is_webhook or before is None or before.target != alert.target):
            self._endpoints.remove(tx, endpoint_id)
            endpoint_id = None
        if is_webhook and endpoint_id is None:
            endpoint_id, secret = self._endpoints.add(
                tx, alert.tenant_id, alert.inbox_id, Origin.ALERT, alert.id, alert.target
            )
        elif endpoint_id is not None and alert.is_enabled:
            self._endpoints.revive(tx, endpoint_id)
        whole = replace(alert, endpoint_id=endpoint_id)
        alerts.put(tx, whole)
        self._planner.plan(tx, whole)
        tx.ring(webhooks.SUBSCRIPTIONS)
        return whole, secret

    def _checked(self, caller: Caller, wanted: Wanted) -> Wanted:
        """A rule that can be used; Invalid otherwise."""
        events = tuple(dict.fromkeys(wanted.events))
        unknown = [each for each in events if not catalogue.is_known(each)]
        if not events or len(events) > MOST_EVENTS or unknown:
            sentence = f"There is no event {unknown[0][:60]}." if unknown else f"Between 1 and {MOST_EVENTS} types."
            raise errors.Invalid("The events cannot be used.", events=sentence)
        _refuse_admin(caller, events)
        if wanted.offset is not None and not 0 < wanted.offset.milliseconds <= LONGEST_OFFSET_MS:
            raise errors.Invalid("The offset cannot be used.", offset="More than nothing, and at most a year.")
        if not 0 <= wanted.retries <= MOST_RETRIES:
            raise errors.Invalid("The retries cannot be used.", retries=f"Between 0 and {MOST_RETRIES}.")
        checked = templates.check_filter(wanted.filter or {})
        return replace(wanted, events=events, filter=checked, target=self._target(wanted.delivery, wanted.target))

    def _target(self, delivery: AlertDelivery, target: str) -> str:
        if delivery is AlertDelivery.TASK:
            return reach.text(target, "delivery", templates.LONGEST)
        try:
            self._endpoints.check(target)
        except errors.Invalid as error:
            raise errors.Invalid(error.message, delivery=error.message) from error
        return target


def _refuse_admin(caller: Caller, events: Sequence[str]) -> None:
    if catalogue.ADMIN & set(events) and not (caller.is_owner and caller.credential is Credential.SESSION):
        raise errors.Forbidden("These events are told to owners only, who have to log in for that.")


def _one(snapshot: Snapshot, caller: Caller, text: str, inbox: Inbox | None) -> Alert:
    return reach.one(snapshot, alerts.get, Kind.ALERT, caller, text, inbox.id if inbox else None)


def _now() -> int:
    return int(time.time() * 1000)
