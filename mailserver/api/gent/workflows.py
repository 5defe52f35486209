"""Endpoints of the workflows page."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from mailserver.api.gent import present, times
from mailserver.api.gent.schemas import workflows as shapes
from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.workflow import Condition, Rule, Run, Write
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.automation.workflows import Made, WantedWrite
from mailserver.services.registry import Services

PAYLOAD = "event.payload"


class WorkflowsPage:
    """Rules that run when mail arrives or a label is put on it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/workflows/", scope=Scope.WORKFLOWS_READ)
    async def list_workflows(self, caller: Caller, query: OfInbox) -> list[shapes.WorkflowShown]:
        """List the workflow rules of an inbox, in the order in which they run."""
        inbox = await self._services.inboxes.of(caller, query.inbox_id)
        zone = times.zone(inbox.default_timezone)
        found = await self._services.automation.workflows.of_inbox(inbox)
        return [shapes.WorkflowShown(**_shown(each, zone)) for each in found]

    @post("/workflows/", scope=Scope.WORKFLOWS_WRITE, status=201, repeatable=True)
    async def create_workflow(self, caller: Caller, body: shapes.CreateWorkflow) -> shapes.WorkflowMade:
        """Make a workflow rule. The `secrets` that verify its webhooks are shown only here."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        made = await self._services.automation.workflows.create(
            caller, inbox, body.name, body.trigger, _conditions(body.conditions), _writes(body.writes),
            is_enabled=body.enabled,
        )  # fmt: skip
        return _made(made, times.zone(inbox.default_timezone))

    @get("/workflows/{rule_id}/", scope=Scope.WORKFLOWS_READ)
    async def get_workflow(self, caller: Caller, rule_id: str, query: OfInbox) -> shapes.WorkflowShown:
        """Get a workflow rule."""
        rule = await self._services.automation.workflows.get(caller, rule_id, await self._named(caller, query.inbox_id))
        return shapes.WorkflowShown(**_shown(rule, await self._zone(caller, rule)))

    @patch("/workflows/{rule_id}/", scope=Scope.WORKFLOWS_WRITE)
    async def change_workflow(
        self, caller: Caller, rule_id: str, body: shapes.ChangeWorkflow, query: OfInbox
    ) -> shapes.WorkflowMade:
        """Change a workflow rule. Webhooks that lead where they led keep their secrets."""
        inbox = await self._named(caller, body.inbox_id or query.inbox_id)
        made = await self._services.automation.workflows.change(caller, rule_id, _wanted(body), inbox)
        return _made(made, await self._zone(caller, made.rule))

    @delete("/workflows/{rule_id}/", scope=Scope.WORKFLOWS_WRITE, status=204)
    async def delete_workflow(self, caller: Caller, rule_id: str, query: OfInbox) -> None:
        """Delete a workflow rule."""
        await self._services.automation.workflows.remove(caller, rule_id, await self._named(caller, query.inbox_id))

    @get("/workflows/{rule_id}/runs/", scope=Scope.WORKFLOWS_READ)
    async def list_runs(self, caller: Caller, rule_id: str, query: OfInbox) -> list[shapes.RunShown]:
        """List the last hundred times that the conditions of a rule held, and what was done or why not."""
        inbox = await self._named(caller, query.inbox_id)
        rule = await self._services.automation.workflows.get(caller, rule_id, inbox)
        zone = await self._zone(caller, rule)
        return [_run(each, zone) for each in await self._services.automation.workflows.runs(caller, rule_id, inbox)]

    async def _named(self, caller: Caller, wanted: str | None) -> Inbox | None:
        return await self._services.inboxes.of(caller, wanted) if wanted else None

    async def _zone(self, caller: Caller, rule: Rule) -> tzinfo | None:
        inbox = await self._services.inboxes.of(caller, identifiers.encode(Kind.INBOX, rule.inbox_id))
        return times.zone(inbox.default_timezone)


def _wanted(body: shapes.ChangeWorkflow) -> dict[str, Any]:
    wanted: dict[str, Any] = {"name": body.name, "trigger": body.trigger, "is_enabled": body.enabled}
    if body.conditions is not None:
        wanted["conditions"] = _conditions(body.conditions)
    if body.writes is not None:
        wanted["writes"] = _writes(body.writes)
    return {name: value for name, value in wanted.items() if value is not None}


def _conditions(some: Sequence[shapes.ConditionShape]) -> list[Condition]:
    return [Condition(each.field, each.op, each.value) for each in some]


def _writes(some: Sequence[shapes.WriteShape]) -> list[WantedWrite]:
    return [
        WantedWrite(
            each.target.type, tuple(each.contract.required) if each.contract else (), each.target.label_id,
            each.target.summary, each.target.url, each.target.event_type, each.target.class_label_key,
            each.target.priority, each.target.status,
        )
        for each in some
    ]  # fmt: skip


def _made(made: Made, zone: tzinfo | None) -> shapes.WorkflowMade:
    return shapes.WorkflowMade(**_shown(made.rule, zone), secrets=made.secrets)


def _shown(rule: Rule, zone: tzinfo | None) -> dict[str, Any]:
    return {
        "rule_id": identifiers.encode(Kind.WORKFLOW, rule.id),
        "inbox_id": identifiers.encode(Kind.INBOX, rule.inbox_id),
        "name": rule.name,
        "trigger": rule.trigger,
        "conditions": [
            shapes.ConditionShape(field=each.field, op=each.op, value=each.value) for each in rule.conditions
        ],
        "writes": [_write(each) for each in rule.writes],
        "enabled": rule.is_enabled,
        "created_at": times.write(rule.created_at, zone),
        "updated_at": times.write(rule.updated_at, zone),
    }


def _write(write: Write) -> shapes.WriteShape:
    label_id = identifiers.encode(Kind.LABEL, write.label_id) if write.label_id is not None else None
    return shapes.WriteShape(
        source=shapes.SourceShape(from_=PAYLOAD),
        target=shapes.TargetShape(
            type=write.type,
            url=write.url,
            event_type=write.event_type,
            label_id=label_id,
            summary=write.summary,
            class_label_key=write.class_label_key,
            priority=write.priority,
            status=write.status,
        ),
        contract=shapes.ContractShape(required=list(write.required)),
    )


def _run(run: Run, zone: tzinfo | None) -> shapes.RunShown:
    return shapes.RunShown(
        run_id=identifiers.encode(Kind.WORKFLOW_RUN, run.id),
        rule_id=identifiers.encode(Kind.WORKFLOW, run.rule_id),
        ran_at=times.write(run.ran_at, zone),
        result=run.result,
        message_id=present.message_id(run.message_id) if run.message_id is not None else None,
        thread_id=present.thread_id(run.thread_id) if run.thread_id is not None else None,
        writes=[shapes.WriteRunShown(type=each.type, result=each.result, detail=each.detail) for each in run.writes],
    )
