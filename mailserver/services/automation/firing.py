"""Tell an alert: into the line of its webhook, or as a task."""

from typing import Any, Protocol

import orjson

from mailserver.entities import identifiers
from mailserver.entities.alert import Alert, AlertDelivery
from mailserver.entities.identifiers import Kind
from mailserver.entities.task import NewTask, Task, TaskSource
from mailserver.services.automation import templates
from mailserver.services.automation.endpoints import RuleEndpoints
from mailserver.storage.database import Transaction

_FIELDS = {Kind.MESSAGE: "message_id", Kind.THREAD: "thread_id"}


class TaskMaker(Protocol):
    """Who makes tasks."""

    def add(self, tx: Transaction, inbox_id: int, new: NewTask) -> Task | None:
        """Make a task inside a transaction that has another purpose."""
        ...


class Firing:
    """Tells alerts, inside the transaction of whoever knows that it is time."""

    def __init__(self, tasks: TaskMaker, endpoints: RuleEndpoints) -> None:
        self._tasks = tasks
        self._endpoints = endpoints

    def fire(self, tx: Transaction, alert: Alert, event_id: int, kind: str, payload: str) -> Task | None:
        """Tell one; the task that it is, where it is one."""
        if alert.delivery is AlertDelivery.WEBHOOK:
            if alert.endpoint_id is not None:
                self._endpoints.enqueue(tx, alert.endpoint_id, event_id, kind, payload, alert.retries, alert.backoff)
            return None
        shown = orjson.loads(payload)
        fields = {**shown["data"], "type": shown["type"], "occurred_at": shown["occurred_at"]}
        summary = templates.render(alert.target, fields)
        new = NewTask(
            summary, TaskSource.ALERT, message_id=_known(Kind.MESSAGE, fields), thread_id=_known(Kind.THREAD, fields)
        )
        return self._tasks.add(tx, alert.inbox_id, new)


def _known(kind: Kind, fields: dict[str, Any]) -> int | None:
    try:
        return identifiers.decode(kind, str(fields.get(_FIELDS[kind])))
    except identifiers.BadIdentifier:
        return None
