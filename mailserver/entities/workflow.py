"""Workflow rules: when something happens and every condition holds, do these things."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.entities.ticket import TicketPriority, TicketStatus


class Trigger(StrEnum):
    """What a rule waits for."""

    EMAIL_RECEIVED = "email_received"
    LABEL_APPLIED = "label_applied"


class Field(StrEnum):
    """What a condition looks at."""

    TO_ADDRESS = "to_address"
    FROM_ADDRESS = "from_address"
    FROM_DOMAIN = "from_domain"
    SUBJECT = "subject"
    HAS_ATTACHMENT = "has_attachment"
    LABEL_ID = "label_id"
    LIST_ID = "list_id"
    SPAM_SCORE = "spam_score"
    IS_AUTHENTICATED = "is_authenticated"


class Op(StrEnum):
    """How a condition compares; letters are compared without regard to case."""

    EQ = "eq"
    NEQ = "neq"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    IN = "in"
    EXISTS = "exists"
    GT = "gt"
    LT = "lt"


class WriteType(StrEnum):
    """What a rule can do."""

    ADD_LABEL = "email.add_label"
    TASK = "task"
    WEBHOOK = "webhook"
    TICKET_OPEN = "ticket.open"
    TICKET_UPDATE = "ticket.update"


class RunResult(StrEnum):
    """What became of a rule whose conditions held, or of one of its writes."""

    DONE = "done"
    REFUSED = "refused"  # a write could not be made; the sentence says why
    FAILED = "failed"  # the server was at fault: nothing of this rule was done


Value = str | int | float | bool | list[str]
Fact = str | float | bool | None | tuple[str, ...]  # a tuple where there are several: the condition holds for any


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that has to hold."""

    field: Field
    op: Op
    value: Value


@dataclass(frozen=True, slots=True)
class Write:
    """One thing to do. `required` are the fields that the payload must have."""

    type: WriteType
    required: tuple[str, ...] = ()
    label_id: int | None = None
    summary: str | None = None  # template of a task
    url: str | None = None
    event_type: str | None = None
    endpoint_id: int | None = None  # the hidden endpoint of a webhook
    class_label_key: str | None = None  # these three of a ticket
    priority: TicketPriority | None = None
    status: TicketStatus | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of an inbox."""

    id: int
    tenant_id: int
    inbox_id: int
    name: str
    trigger: Trigger
    conditions: tuple[Condition, ...]
    writes: tuple[Write, ...]
    is_enabled: bool
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class WriteRun:
    """What became of one write."""

    type: WriteType
    result: RunResult
    detail: str


@dataclass(frozen=True, slots=True)
class Run:
    """One time that a rule's conditions held. Its ids are history: what they name may be gone."""

    id: int
    rule_id: int
    inbox_id: int
    ran_at: int
    message_id: int | None
    thread_id: int | None
    result: RunResult
    writes: tuple[WriteRun, ...]
