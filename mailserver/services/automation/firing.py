"""Tell an alert: into the line of its webhook, or as a task."""

import json
from typing import Any, Protocol

import orjson

from mailserver.entities import identifiers
from mailserver.entities.alert import Alert, AlertDelivery
from mailserver.entities.event import Event
from mailserver.entities.identifiers import Kind
from mailserver.entities.task import NewTask, Task, TaskSource
from mailserver.services.automation import templates
from mailserver.services.automation.endpoints import RuleEndpoints
from mailserver.services.notify import telling
from mailserver.storage import messages
from mailserver.storage.database import Snapshot, Transaction

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


def told(snapshot: Snapshot, event: Event) -> dict[str, Any]:
    """An event as an alert tells it: as a webhook does, and with what people want to know of its message."""
    shown = telling.shown(event)
    data = shown["data"]
    number = _known(Kind.MESSAGE, data)
    found = messages.told(snapshot, number) if number is not None else None
    if found is not None:
        people = orjson.loads(found.people)
        address, name = people["from"][0] if people["from"] else ("", None)
        data |= {
            "from_address": address, "from_name": name or address, "from_domain": address.rpartition("@")[2],
            "to_addresses": [each[0] for each in people["to"]], "subject": found.subject, "preview": found.preview,
            "has_attachment": found.has_attachment,
        }  # fmt: skip
    return shown


def text(shown: dict[str, Any]) -> str:
    """What is told as the text that is signed and sent."""
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def _known(kind: Kind, fields: dict[str, Any]) -> int | None:
    try:
        return identifiers.decode(kind, str(fields.get(_FIELDS[kind])))
    except identifiers.BadIdentifier:
        return None
