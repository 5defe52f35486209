"""Shapes of the workflows page."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import Shape, Short
from mailserver.entities import workflow
from mailserver.entities.ticket import TicketPriority, TicketStatus
from mailserver.entities.workflow import Op, RunResult, Trigger, WriteType

Text = Annotated[str, StringConstraints(max_length=500)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class ConditionShape(Shape):
    """One thing that has to hold. Letters are compared without regard to case."""

    field: workflow.Field
    op: Op
    value: bool | int | float | Text | Annotated[list[Text], Field(max_length=100)] = Field(
        description="A text; a list for in; a number for spam_score; true or false for exists and questions."
    )


class SourceShape(Shape):
    """Where a write takes its content from."""

    from_: Annotated[str, StringConstraints(pattern=r"^event\.payload$")] = Field(alias="from")


class TargetShape(Shape):
    """Where a write goes to; which fields it has depends on the type."""

    type: WriteType
    url: Url | None = Field(None, description="Of a webhook.", exclude_if=lambda value: value is None)
    event_type: Name | None = Field(None, description="Of a webhook.", exclude_if=lambda value: value is None)
    label_id: Short | None = Field(None, description="Of email.add_label.", exclude_if=lambda value: value is None)
    summary: Text | None = Field(
        None, description="Of a task: with {field} in it for fields of the payload.",
        exclude_if=lambda value: value is None,
    )  # fmt: skip
    class_label_key: Name | None = Field(
        None, description="Of ticket.open and ticket.update.", exclude_if=lambda value: value is None
    )
    priority: TicketPriority | None = Field(
        None, description="Of ticket.open and ticket.update.", exclude_if=lambda value: value is None
    )
    status: TicketStatus | None = Field(
        None, description="Of ticket.update; one of work that goes on.", exclude_if=lambda value: value is None
    )


class ContractShape(Shape):
    """Fields that the payload must have; else the write is refused, and the runs say so."""

    required: list[Name] = Field(default_factory=list, max_length=20)


class WriteShape(Shape):
    """One thing to do."""

    source: SourceShape
    target: TargetShape
    contract: ContractShape | None = None


class CreateWorkflow(Shape):
    """A rule to make."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    name: Annotated[str, StringConstraints(max_length=200)]
    trigger: Trigger
    conditions: list[ConditionShape] = Field(default_factory=list, max_length=20, description="All have to hold.")
    writes: list[WriteShape] = Field(min_length=1, max_length=10)
    enabled: bool = True


class ChangeWorkflow(Shape):
    """What is to be different of a rule."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    name: Annotated[str, StringConstraints(max_length=200)] | None = None
    trigger: Trigger | None = None
    conditions: list[ConditionShape] | None = Field(None, max_length=20)
    writes: list[WriteShape] | None = Field(None, min_length=1, max_length=10)
    enabled: bool | None = None


class WorkflowShown(Shape):
    """A rule."""

    rule_id: str
    inbox_id: str
    name: str
    trigger: Trigger
    conditions: list[ConditionShape]
    writes: list[WriteShape]
    enabled: bool
    created_at: str
    updated_at: str


class WorkflowMade(WorkflowShown):
    """A rule, with what verifies those of its webhooks that are new, by their URL: it is not shown again."""

    secrets: dict[str, str] | None = Field(None, exclude_if=lambda value: not value)


class WriteRunShown(Shape):
    """What became of one write."""

    type: WriteType
    result: RunResult
    detail: str


class RunShown(Shape):
    """One time that a rule's conditions held."""

    run_id: str
    rule_id: str
    ran_at: str
    result: RunResult
    message_id: str | None
    thread_id: str | None
    writes: list[WriteRunShown]
