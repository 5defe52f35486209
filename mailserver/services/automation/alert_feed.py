"""Alerts from the event log: told at once, or put aside until their time."""

import time

from mailserver.entities.alert import Alert, Due
from mailserver.entities.calendar import CalendarEvent
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource
from mailserver.services.automation import templates
from mailserver.services.automation.firing import Firing
from mailserver.services.notify import catalogue, particulars, telling
from mailserver.services.workspace import appointments
from mailserver.storage import alerts, calendars
from mailserver.storage.database import Snapshot, Transaction

MOST_REMEMBERED = 10_000  # tenants
MOST_PLANNED = 1_000  # events in a calendar that a new rule begins with
_CALENDAR = (EventType.EVENT_CREATED, EventType.EVENT_UPDATED, EventType.EVENT_CANCELLED)
_STARTS = {EventType.EVENT_CREATED.value, EventType.EVENT_UPDATED.value}


class AlertFeed:
    """A subscriber of the feed. The rules of a tenant are remembered, and forgotten when any of them changes."""

    def __init__(self, ids: IdSource, told: Firing) -> None:
        self._ids = ids
        self._firing = told
        self._of_tenant: dict[int, list[Alert]] = {}

    def forget(self) -> None:
        """Look the rules up again."""
        self._of_tenant = {}

    def matches(self, snapshot: Snapshot, event: Event) -> bool:
        """Whether a rule may want it."""
        return bool(self._wanting(snapshot, event))

    def take(self, tx: Transaction, event: Event) -> None:
        """Tell it by every rule that wants it."""
        shown = particulars.told(tx, event)
        text, now = particulars.text(shown), _now()
        for alert in self._wanting(tx, event):
            is_wanted = templates.matches(alert.filter, shown["data"]) and _is_enough(alert, event)
            if alert.offset is not None and event.type in _CALENDAR and _STARTS & set(alert.events):
                self._follow(tx, alert, event, text, now, is_wanted=is_wanted)
            elif is_wanted and alert.offset is not None:
                self._wait(tx, alert, event, "", event.occurred_at + alert.offset.milliseconds, text)
            elif is_wanted:
                self._firing.fire(tx, alert, event.id, shown["type"], text)

    def plan(self, tx: Transaction, alert: Alert) -> None:
        """Let a rule that is new or changed wait for the events that are in the calendar already."""
        alerts.forget_waiting(tx, alert.id)
        if alert.offset is None or not alert.is_enabled or not _STARTS & set(alert.events):
            return
        now = _now()
        found, _ = calendars.events(tx, alert.inbox_id, None, now, None, 0, MOST_PLANNED)
        for one in found:
            event = self._created(one, now)
            shown = particulars.told(tx, event)
            due_at = one.start_at - alert.offset.milliseconds
            if due_at > now and one.status != "cancelled" and templates.matches(alert.filter, shown["data"]):
                self._wait(tx, alert, event, event.body["calendar_event_id"], due_at, particulars.text(shown))

    def _follow(self, tx: Transaction, alert: Alert, event: Event, text: str, now: int, *, is_wanted: bool) -> None:
        """An alert before the start of a calendar event moves with it, and dies with it."""
        assert alert.offset is not None
        subject, start_at = event.body["calendar_event_id"], event.body["start_at"]
        waited = alerts.forget_waiting(tx, alert.id, subject)
        is_over = start_at <= now or event.body.get("status") == "cancelled"
        if event.type is EventType.EVENT_CANCELLED or is_over or not is_wanted:
            return
        due_at = start_at - alert.offset.milliseconds
        if due_at <= now and event.type is EventType.EVENT_UPDATED and not waited:
            return  # it was told before, for the same start
        self._wait(tx, alert, event, subject, max(due_at, now), text)

    def _wait(self, tx: Transaction, alert: Alert, event: Event, subject: str, due_at: int, text: str) -> None:
        name = telling.name(event)
        due = Due(self._ids.next(), alert.id, alert.inbox_id, event.id, subject, name, due_at, text)
        alerts.wait(tx, due)

    def _created(self, one: CalendarEvent, now: int) -> Event:
        body = appointments.told(one)
        return Event(self._ids.next(), one.tenant_id, one.inbox_id, EventType.EVENT_CREATED, now, body)

    def _wanting(self, snapshot: Snapshot, event: Event) -> list[Alert]:
        remembered = self._of_tenant
        known = remembered.get(event.tenant_id)
        if known is None:
            if len(remembered) >= MOST_REMEMBERED:
                remembered.clear()
            known = remembered[event.tenant_id] = alerts.enabled(snapshot, event.tenant_id)
        return [alert for alert in known if _wants(alert, event)] if known else known


def _wants(alert: Alert, event: Event) -> bool:
    """An inbox's own events; those that only owners may hear of are the whole tenant's."""
    name = telling.name(event)
    if alert.inbox_id != event.inbox_id and name not in catalogue.ADMIN:
        return False
    if name in alert.events:
        return True
    if event.type is EventType.CONTACT_ANNIVERSARY:
        return catalogue.ANNIVERSARIES in alert.events
    return alert.offset is not None and event.type in _CALENDAR and bool(_STARTS & set(alert.events))


def _is_enough(alert: Alert, event: Event) -> bool:
    """Whether a cap has just been used up as far as the rule asks for."""
    if event.type is not EventType.CAP_REACHED:
        return True
    threshold = alert.threshold or 100
    return bool(event.body.get("previous_percent", 0) < threshold <= event.body.get("percent", 0))


def _now() -> int:
    return int(time.time() * 1000)
