"""Run workflow rules inside the transaction of what sets them off. What they do sets off no rule."""

import time
from typing import Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.event import Event, EventType
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.label import Label, LabelSource, LabelType
from mailserver.entities.task import NewTask, Task, TaskSource
from mailserver.entities.ticket import TicketChange
from mailserver.entities.workflow import Rule, Run, RunResult, Trigger, Write, WriteRun, WriteType
from mailserver.services.automation import conditions, facts, templates
from mailserver.services.automation.endpoints import RuleEndpoints
from mailserver.services.automation.facts import Facts
from mailserver.services.notify import particulars, telling
from mailserver.storage import label_store, workflows
from mailserver.storage.database import Transaction
from mailserver.storage.ingest import StoredMessage
from mailserver.storage.thread_book import NewMessage

SUMMARY = "{summary}"
EVENT_TYPE = "workflow.matched"
log = structlog.get_logger()


class TaskMaker(Protocol):
    """Who makes tasks."""

    def add(self, tx: Transaction, inbox_id: int, new: NewTask) -> Task | None:
        """Make a task inside a transaction that has another purpose."""
        ...


class TicketDesk(Protocol):
    """Where tickets are opened and changed."""

    def by_rule(self, tx: Transaction, thread_id: int, wanted: TicketChange, *, opens: bool) -> str:
        """Open the ticket of a thread, or change it, for a rule; what was done."""
        ...

    def labelled(self, tx: Transaction, inbox_id: int, label: Label, message_id: int | None, thread_id: int) -> None:
        """A label was put on a message, or on a thread."""
        ...


class _Refused(Exception):
    """A write that cannot be made; the sentence says why."""


class WorkflowEngine:
    """Each rule is a part of its own: one that fails is undone and noted, and the mail arrives as if it were not there.

    Rules are read from a partial index each time, where an inbox without rules has nothing: no node ever runs a rule
    that another one has changed.
    """

    def __init__(self, ids: IdSource, tasks: TaskMaker, tickets: TicketDesk, endpoints: RuleEndpoints) -> None:
        self._ids = ids
        self._tasks = tasks
        self._tickets = tickets
        self._endpoints = endpoints

    def arrived(self, tx: Transaction, message: NewMessage, stored: StoredMessage) -> None:
        """A message of others has been stored. Junk sets nothing off."""
        copy = message.copy
        if copy.is_ours or not copy.role or copy.role == Role.JUNK:
            return
        rules = workflows.enabled(tx, copy.inbox_id, Trigger.EMAIL_RECEIVED)
        if rules:
            self._run(tx, rules, facts.of_arrival(tx, message, stored.thread_id))

    def labelled(self, tx: Transaction, inbox_id: int, label: Label, message_id: int | None, thread_id: int) -> None:
        """Somebody has put a label on a message, or on a thread."""
        rules = workflows.enabled(tx, inbox_id, Trigger.LABEL_APPLIED)
        found = facts.of_label(tx, label, inbox_id, message_id, thread_id) if rules else None
        if found is not None:
            self._run(tx, rules, found)

    def _run(self, tx: Transaction, rules: list[Rule], found: Facts) -> None:
        for rule in rules:
            if all(conditions.holds(each, found.fields[each.field]) for each in rule.conditions):
                self._do(tx, rule, found)

    def _do(self, tx: Transaction, rule: Rule, found: Facts) -> None:
        """Make the writes of a rule, and note what became of each."""
        try:
            with tx.part():
                writes = tuple(self._write(tx, rule, write, found) for write in rule.writes)
        except errors.Temporary:
            raise
        except Exception:  # the root of a rule: the message must arrive whatever a rule does
            log.exception("workflow.rule.failed", rule_id=rule.id, message_id=found.message_id)
            writes = tuple(WriteRun(each.type, RunResult.FAILED, "The server was at fault.") for each in rule.writes)
        results = {each.result for each in writes}
        result = next(each for each in (RunResult.FAILED, RunResult.REFUSED, RunResult.DONE) if each in results)
        run = Run(self._ids.next(), rule.id, rule.inbox_id, _now(), found.message_id, found.thread_id, result, writes)
        workflows.add_run(tx, run)
        log.info("workflow.rule.ran", rule_id=rule.id, message_id=found.message_id, result=result.value)

    def _write(self, tx: Transaction, rule: Rule, write: Write, found: Facts) -> WriteRun:
        try:
            _require(write, found)
            match write.type:
                case WriteType.ADD_LABEL:
                    detail = self._label(tx, write, found)
                case WriteType.TASK:
                    detail = self._task(tx, rule, write, found)
                case WriteType.WEBHOOK:
                    detail = self._webhook(tx, write, found)
                case WriteType.TICKET_OPEN | WriteType.TICKET_UPDATE:
                    detail = self._ticket(tx, write, found)
        except _Refused as refusal:
            return WriteRun(write.type, RunResult.REFUSED, str(refusal))
        return WriteRun(write.type, RunResult.DONE, detail)

    def _label(self, tx: Transaction, write: Write, found: Facts) -> str:
        label = label_store.get(tx, write.label_id or 0)
        if label is None or label.tenant_id != found.tenant_id:
            raise _Refused("There is no such label any more.")
        if label.is_system or label.type is LabelType.CONTACT:
            raise _Refused("The label is not for messages.")
        now = _now()
        if found.message_id is not None:
            is_new = label_store.attach(tx, label.id, found.message_id, now)
        else:
            is_new = label_store.attach_thread(tx, label.id, found.thread_id, LabelSource.RULE, None)
        if is_new:
            body = {
                "label_id": label.id, "label_key": label.key, "message_id": found.message_id,
                "thread_id": found.thread_id,
            }  # fmt: skip
            kind = EventType.LABEL_APPLIED
            tx.publish(Event(self._ids.next(), found.tenant_id, found.inbox_id, kind, now, body))
            self._tickets.labelled(tx, found.inbox_id, label, found.message_id, found.thread_id)
        return f"The label {label.key} is on it."

    def _ticket(self, tx: Transaction, write: Write, found: Facts) -> str:
        wanted = TicketChange(write.status, write.priority, write.class_label_key)
        try:
            return self._tickets.by_rule(tx, found.thread_id, wanted, opens=write.type is WriteType.TICKET_OPEN)
        except (errors.Invalid, errors.NotFound, errors.Conflict) as refusal:
            raise _Refused(refusal.message) from refusal

    def _task(self, tx: Transaction, rule: Rule, write: Write, found: Facts) -> str:
        summary = templates.render(write.summary or SUMMARY, found.payload)
        new = NewTask(
            summary, TaskSource.WORKFLOW, f"Made by the rule {rule.name}.", message_id=found.message_id,
            thread_id=found.thread_id,
        )  # fmt: skip
        made = self._tasks.add(tx, found.inbox_id, new)
        if made is None:
            raise _Refused("The inbox has no calendar of tasks.")
        return f"The task {identifiers.encode(Kind.TASK, made.id)} was made."

    def _webhook(self, tx: Transaction, write: Write, found: Facts) -> str:
        number, kind = self._ids.next(), write.event_type or EVENT_TYPE
        shown = {
            "type": kind,
            "event_id": identifiers.encode(Kind.EVENT, number),
            "inbox_id": identifiers.encode(Kind.INBOX, found.inbox_id),
            "occurred_at": telling.moment(_now()),
            "data": found.payload,
        }
        if write.endpoint_id is None or not self._endpoints.enqueue(
            tx, write.endpoint_id, number, kind, particulars.text(shown)
        ):
            raise _Refused("The webhook is switched off: nobody answered for a day.")
        return "It was put into the line of the webhook."


def _require(write: Write, found: Facts) -> None:
    missing = [name for name in write.required if found.payload.get(name) in (None, "", [])]
    if missing:
        raise _Refused(f"The payload has no {', '.join(missing)}.")


def _now() -> int:
    return int(time.time() * 1000)
