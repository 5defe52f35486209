"""Workflow rules, and what they did."""

from typing import Any

import orjson

from mailserver.entities.ticket import TicketPriority, TicketStatus
from mailserver.entities.workflow import Condition, Field, Op, Rule, Run, RunResult, Trigger, Write, WriteRun, WriteType
from mailserver.storage.database import Snapshot, Transaction

MOST = 100  # of one inbox
RUNS_KEPT = 100  # of one rule
_COLUMNS = "id, tenant_id, inbox_id, name, trigger, conditions, writes, enabled, created_at, updated_at"
_RUN = "id, rule_id, inbox_id, ran_at, message_id, thread_id, result, writes"


def put(tx: Transaction, rule: Rule) -> None:
    """Insert a rule, or write it in the place of the one that has its id."""
    conditions = [[each.field.value, each.op.value, each.value] for each in rule.conditions]
    writes = [_kept(each) for each in rule.writes]
    tx.execute(
        f"INSERT INTO workflow({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
        "name = excluded.name, trigger = excluded.trigger, conditions = excluded.conditions, "
        "writes = excluded.writes, enabled = excluded.enabled, updated_at = excluded.updated_at",
        (
            rule.id, rule.tenant_id, rule.inbox_id, rule.name, rule.trigger.value, orjson.dumps(conditions).decode(),
            orjson.dumps(writes).decode(), int(rule.is_enabled), rule.created_at, rule.updated_at,
        ),
    )  # fmt: skip


def get(snapshot: Snapshot, rule_id: int) -> Rule | None:
    """A rule by its id."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM workflow WHERE id = ?", (rule_id,))
    return _entity(row) if row else None


def of_inbox(snapshot: Snapshot, inbox_id: int) -> list[Rule]:
    """The rules of an inbox, oldest first."""
    rows = snapshot.all(f"SELECT {_COLUMNS} FROM workflow WHERE inbox_id = ? ORDER BY id LIMIT ?", (inbox_id, MOST))
    return [_entity(row) for row in rows]


def enabled(snapshot: Snapshot, inbox_id: int, trigger: Trigger) -> list[Rule]:
    """The rules of an inbox that are switched on and wait for this, oldest first."""
    rows = snapshot.all(f"SELECT {_COLUMNS} FROM workflow WHERE inbox_id = ? AND enabled = 1 ORDER BY id", (inbox_id,))
    return [_entity(row) for row in rows if row[4] == trigger.value]


def count(snapshot: Snapshot, inbox_id: int) -> int:
    """How many rules an inbox has."""
    number: int = snapshot.one("SELECT COUNT(*) FROM workflow WHERE inbox_id = ?", (inbox_id,))[0]
    return number


def remove(tx: Transaction, rule_id: int) -> None:
    """Delete a rule and what it did."""
    tx.execute("DELETE FROM workflow_run WHERE rule_id = ?", (rule_id,))
    tx.execute("DELETE FROM workflow WHERE id = ?", (rule_id,))


def add_run(tx: Transaction, run: Run) -> None:
    """Keep what a rule did; only its last runs are kept."""
    writes = [[each.type.value, each.result.value, each.detail] for each in run.writes]
    tx.execute(
        f"INSERT INTO workflow_run({_RUN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run.id, run.rule_id, run.inbox_id, run.ran_at, run.message_id, run.thread_id, run.result.value,
            orjson.dumps(writes).decode(),
        ),
    )  # fmt: skip
    tx.execute(
        "DELETE FROM workflow_run WHERE rule_id = ?1 AND id <= "
        "(SELECT id FROM workflow_run WHERE rule_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        (run.rule_id, RUNS_KEPT),
    )


def runs(snapshot: Snapshot, rule_id: int) -> list[Run]:
    """What a rule did, newest first."""
    rows = snapshot.all(
        f"SELECT {_RUN} FROM workflow_run WHERE rule_id = ? ORDER BY id DESC LIMIT ?", (rule_id, RUNS_KEPT)
    )
    return [_run(row) for row in rows]


def _entity(row: tuple[Any, ...]) -> Rule:
    conditions = tuple(Condition(Field(field), Op(op), value) for field, op, value in orjson.loads(row[5]))
    writes = tuple(_written(each) for each in orjson.loads(row[6]))
    return Rule(
        row[0], row[1], row[2], row[3], Trigger(row[4]), conditions, writes, bool(row[7]), row[8], row[9]
    )  # fmt: skip


def _kept(one: Write) -> list[Any]:
    return [
        one.type.value, one.required, one.label_id, one.summary, one.url, one.event_type, one.endpoint_id,
        one.class_label_key, one.priority, one.status,
    ]  # fmt: skip


def _written(kept: list[Any]) -> Write:
    """A write; those that were kept before there were tickets say nothing of them."""
    key, priority, status = kept[7:] or (None, None, None)
    return Write(
        WriteType(kept[0]), tuple(kept[1]), kept[2], kept[3], kept[4], kept[5], kept[6], key,
        TicketPriority(priority) if priority else None, TicketStatus(status) if status else None,
    )  # fmt: skip


def _run(row: tuple[Any, ...]) -> Run:
    writes = tuple(
        WriteRun(WriteType(kind), RunResult(result), detail) for kind, result, detail in orjson.loads(row[7])
    )
    return Run(row[0], row[1], row[2], row[3], row[4], row[5], RunResult(row[6]), writes)
