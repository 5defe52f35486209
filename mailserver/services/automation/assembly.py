"""Build alerts and workflows."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.entities.identifiers import IdSource
from mailserver.services.automation.alert_clock import AlertClock, Bell
from mailserver.services.automation.alert_feed import AlertFeed
from mailserver.services.automation.alerts import Alerts
from mailserver.services.automation.endpoints import RuleEndpoints
from mailserver.services.automation.engine import TicketDesk, WorkflowEngine
from mailserver.services.automation.firing import Firing
from mailserver.services.automation.workflows import Workflows
from mailserver.services.notify.assembly import Notify
from mailserver.services.workspace.tasks import Tasks
from mailserver.storage.database import Database


@dataclass(frozen=True, slots=True)
class Automation:
    """Alerts and workflows, with those parts of them that engines run."""

    alerts: Alerts
    workflows: Workflows
    engine: WorkflowEngine
    feed: AlertFeed
    clock: AlertClock


def build(
    database: Database, ids: IdSource, tasks: Tasks, tickets: TicketDesk, notify: Notify, bell: Bell,
    clock: Callable[[], int],
) -> Automation:  # fmt: skip
    """Every part once."""
    endpoints = RuleEndpoints(notify.endpoints)
    firing = Firing(tasks, endpoints)
    feed = AlertFeed(ids, firing)
    return Automation(
        Alerts(database, ids, endpoints, feed, firing, notify.posting), Workflows(database, ids, endpoints),
        WorkflowEngine(ids, tasks, tickets, endpoints), feed, AlertClock(database, firing, bell, clock),
    )  # fmt: skip
