"""Endpoints of the alerts page."""

from datetime import tzinfo
from typing import Any

from mailserver.api.gent import alert_reference, times
from mailserver.api.gent.schemas import alerts as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.alert import Alert, Offset
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.automation.alerts import Wanted
from mailserver.services.registry import Services

_NULLABLE = ("offset", "filter", "threshold")
_PLAIN = ("filter", "threshold", "retries", "backoff")


class AlertsPage:
    """Who wants to be told of what."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/alerts/reference/", public=True)
    async def get_alert_reference(self) -> shapes.AlertReference:
        """Get what a form for alerts is made of."""
        return alert_reference.reference()

    @post("/alerts/test/", scope=Scope.ALERTS_WRITE)
    async def test_alert(self, caller: Caller, body: shapes.TestAlert) -> shapes.Tested:
        """Tell something at once, and say what became of it."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        way = body.delivery
        tested = await self._services.automation.alerts.test(
            caller, inbox, body.alert_id, way.type if way else None, way.target if way else None
        )
        tried, task = tested.tried, tested.task
        return shapes.Tested(
            delivered=tried.is_delivered if tried else task is not None,
            type=tested.delivery,
            status=tried.status if tried else None,
            duration_ms=tried.duration_ms if tried else None,
            error=tried.error if tried else None,
            task_id=identifiers.encode(Kind.TASK, task.id) if task else None,
        )

    @get("/alerts/", scope=Scope.ALERTS_READ)
    async def list_alerts(self, caller: Caller, query: OfInbox) -> list[shapes.AlertShown]:
        """List the alert rules of an inbox."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        zone = times.zone(inbox.default_timezone)
        return [
            shapes.AlertShown(**_shown(each, zone)) for each in await self._services.automation.alerts.of_inbox(inbox)
        ]

    @post("/alerts/", scope=Scope.ALERTS_WRITE, status=201, repeatable=True)
    async def create_alert(self, caller: Caller, body: shapes.CreateAlert) -> shapes.AlertMade:
        """Make an alert rule. The `secret` that verifies its webhooks is shown only here."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        wanted = Wanted(
            tuple(body.events), body.delivery.type, body.delivery.target, _offset(body.offset), body.filter,
            body.threshold, body.enabled, body.retries, body.backoff,
        )  # fmt: skip
        made, secret = await self._services.automation.alerts.create(caller, inbox, wanted)
        return shapes.AlertMade(**_shown(made, times.zone(inbox.default_timezone)), secret=secret)

    @get("/alerts/{alert_id}/", scope=Scope.ALERTS_READ)
    async def get_alert(self, caller: Caller, alert_id: str, query: OfInbox) -> shapes.AlertShown:
        """Get an alert rule."""
        found = await self._services.automation.alerts.get(caller, alert_id, await self._named(caller, query.inbox_id))
        return shapes.AlertShown(**_shown(found, await self._zone(caller, found)))

    @patch("/alerts/{alert_id}/", scope=Scope.ALERTS_WRITE)
    async def change_alert(
        self, caller: Caller, alert_id: str, body: shapes.ChangeAlert, query: OfInbox
    ) -> shapes.AlertMade:
        """Change an alert rule. A webhook that leads elsewhere has a new `secret`."""
        inbox = await self._named(caller, body.inbox_id or query.inbox_id)
        changed, secret = await self._services.automation.alerts.change(caller, alert_id, _wanted(body), inbox)
        return shapes.AlertMade(**_shown(changed, await self._zone(caller, changed)), secret=secret)

    @delete("/alerts/{alert_id}/", scope=Scope.ALERTS_WRITE, status=204)
    async def delete_alert(self, caller: Caller, alert_id: str, query: OfInbox) -> None:
        """Delete an alert rule, and what waits for it."""
        await self._services.automation.alerts.remove(caller, alert_id, await self._named(caller, query.inbox_id))

    async def _named(self, caller: Caller, wanted: str | None) -> Inbox | None:
        return await self._services.inboxes.of(caller, wanted) if wanted else None

    async def _zone(self, caller: Caller, alert: Alert) -> tzinfo | None:
        inbox = await self._services.inboxes.of(caller, identifiers.encode(Kind.INBOX, alert.inbox_id))
        return times.zone(inbox.default_timezone)


def _wanted(body: shapes.ChangeAlert) -> dict[str, Any]:
    """What is named of a rule; null means something for what may be taken away."""
    given = {name for name in body.model_fields_set if name in _NULLABLE or getattr(body, name) is not None}
    wanted: dict[str, Any] = {name: getattr(body, name) for name in _PLAIN if name in given}
    if "events" in given and body.events is not None:
        wanted["events"] = tuple(body.events)
    if body.delivery is not None:
        wanted |= {"delivery": body.delivery.type, "target": body.delivery.target}
    if "offset" in given:
        wanted["offset"] = _offset(body.offset)
    if "enabled" in given:
        wanted["is_enabled"] = body.enabled
    return wanted


def _offset(shape: shapes.OffsetShape | None) -> Offset | None:
    return Offset(shape.value, shape.unit) if shape is not None else None


def _shown(alert: Alert, zone: tzinfo | None) -> dict[str, Any]:
    offset = alert.offset
    return {
        "id": identifiers.encode(Kind.ALERT, alert.id),
        "inbox_id": identifiers.encode(Kind.INBOX, alert.inbox_id),
        "events": list(alert.events),
        "delivery": shapes.DeliveryShape(type=alert.delivery, target=alert.target),
        "offset": shapes.OffsetShape(value=offset.value, unit=offset.unit) if offset else None,
        "filter": alert.filter,
        "threshold": alert.threshold,
        "enabled": alert.is_enabled,
        "retries": alert.retries,
        "backoff": alert.backoff,
        "created_at": times.write(alert.created_at, zone),
        "updated_at": times.write(alert.updated_at, zone),
    }
