"""Workflow rules, through the caller's eyes."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import LabelType
from mailserver.entities.ticket import CLASS_KEYS, TicketPriority, TicketStatus
from mailserver.entities.webhook import Origin
from mailserver.entities.workflow import Condition, Field, Rule, Run, Trigger, Write, WriteType
from mailserver.services.automation import conditions, templates
from mailserver.services.automation.endpoints import RuleEndpoints
from mailserver.services.workspace import labels, reach
from mailserver.storage import label_store, workflows
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_NAME = 200
MOST_CONDITIONS = 20
MOST_WRITES = 10
MOST_REQUIRED = 20
_TYPE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
LONGEST_TYPE = 100
_TARGET_FIELDS = ("label", "summary", "url", "event_type", "class_label_key", "priority", "status")


@dataclass(frozen=True, slots=True)
class WantedWrite:
    """A write as its owner says it; the label by its id."""

    type: WriteType
    required: tuple[str, ...] = ()
    label: str | None = None
    summary: str | None = None
    url: str | None = None
    event_type: str | None = None
    class_label_key: str | None = None
    priority: TicketPriority | None = None
    status: TicketStatus | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A rule, and the secrets of those of its webhooks that are new, by their URL."""

    rule: Rule
    secrets: dict[str, str]


class Workflows:
    """Rules of inboxes. The secret of a webhook is shown when it is made."""

    def __init__(self, database: Database, ids: IdSource, endpoints: RuleEndpoints) -> None:
        self._database = database
        self._ids = ids
        self._endpoints = endpoints

    async def of_inbox(self, inbox: Inbox) -> list[Rule]:
        """The rules of an inbox, in the order in which they run."""
        return await self._database.read(workflows.of_inbox, inbox.id)

    async def get(self, caller: Caller, text: str, inbox: Inbox | None = None) -> Rule:
        """One rule."""
        return await self._database.read(_one, caller, text, inbox)

    async def runs(self, caller: Caller, text: str, inbox: Inbox | None = None) -> list[Run]:
        """What a rule did lately, newest first."""

        def read(snapshot: Snapshot) -> list[Run]:
            return workflows.runs(snapshot, _one(snapshot, caller, text, inbox).id)

        return await self._database.read(read)

    async def create(
        self, caller: Caller, inbox: Inbox, name: str, trigger: Trigger, some: Sequence[Condition],
        writes: Sequence[WantedWrite], *, is_enabled: bool,
    ) -> Made:  # fmt: skip
        """Make a rule."""
        now = _now()
        blank = Rule(
            self._ids.next(), inbox.tenant_id, inbox.id, reach.text(name, "name", LONGEST_NAME), trigger, (), (),
            is_enabled, now, now,
        )  # fmt: skip

        def write(tx: Transaction) -> Made:
            reach.still_open(tx, inbox)
            if workflows.count(tx, inbox.id) >= workflows.MOST:
                raise errors.Conflict(f"An inbox has {workflows.MOST} workflow rules at most.")
            return self._put(tx, caller, replace(blank, conditions=_conditions(tx, caller, some)), writes)

        return await self._database.write(write)

    async def change(self, caller: Caller, text: str, wanted: dict[str, Any], inbox: Inbox | None = None) -> Made:
        """Change those of name, trigger, conditions, writes and is_enabled that are named."""

        def write(tx: Transaction) -> Made:
            known = _one(tx, caller, text, inbox)
            changed = replace(known, **{k: v for k, v in wanted.items() if k in ("trigger", "is_enabled")})
            if "name" in wanted:
                changed = replace(changed, name=reach.text(wanted["name"], "name", LONGEST_NAME))
            if "conditions" in wanted:
                changed = replace(changed, conditions=_conditions(tx, caller, wanted["conditions"]))
            return self._put(tx, caller, replace(changed, updated_at=_now()), wanted.get("writes"))

        return await self._database.write(write)

    async def remove(self, caller: Caller, text: str, inbox: Inbox | None = None) -> None:
        """Delete a rule, with what is noted of it."""

        def write(tx: Transaction) -> None:
            known = _one(tx, caller, text, inbox)
            for each in known.writes:
                if each.endpoint_id is not None:
                    self._endpoints.remove(tx, each.endpoint_id)
            workflows.remove(tx, known.id)

        await self._database.write(write)

    def _put(self, tx: Transaction, caller: Caller, rule: Rule, wanted: Sequence[WantedWrite] | None) -> Made:
        """Write a rule with its endpoints. Webhooks that lead where they led keep their lines and secrets."""
        secrets: dict[str, str] = {}
        if wanted is not None:
            kept = {each.url: each.endpoint_id for each in rule.writes if each.url and each.endpoint_id is not None}
            writes = []
            for each in self._writes(tx, caller, wanted):
                endpoint_id = kept.get(each.url) if each.url else None
                if each.url and endpoint_id is None:
                    endpoint_id, secrets[each.url] = self._endpoints.add(
                        tx, rule.tenant_id, rule.inbox_id, Origin.WORKFLOW, rule.id, each.url
                    )
                    kept[each.url] = endpoint_id
                writes.append(replace(each, endpoint_id=endpoint_id))
            for url, endpoint_id in kept.items():
                if url not in [each.url for each in writes] and endpoint_id is not None:
                    self._endpoints.remove(tx, endpoint_id)
            rule = replace(rule, writes=tuple(writes))
        if rule.is_enabled:
            for each in rule.writes:
                if each.endpoint_id is not None:
                    self._endpoints.revive(tx, each.endpoint_id)
        workflows.put(tx, rule)
        return Made(rule, secrets)

    def _writes(self, tx: Transaction, caller: Caller, wanted: Sequence[WantedWrite]) -> list[Write]:
        """Writes that can be made; Invalid otherwise, NotFound for a label that the caller's team has not."""
        if not 0 < len(wanted) <= MOST_WRITES:
            raise errors.Invalid("A rule has something to do.", writes=f"Between 1 and {MOST_WRITES}.")
        return [self._written(tx, caller, each) for each in wanted]

    def _written(self, tx: Transaction, caller: Caller, each: WantedWrite) -> Write:
        if len(each.required) > MOST_REQUIRED or not all(map(_FIELD.fullmatch, each.required)):
            raise errors.Invalid("The contract cannot be used.", writes=f"At most {MOST_REQUIRED} names of fields.")
        match each.type:
            case WriteType.ADD_LABEL:
                _only(each, "label")
                label = labels.one(tx, caller, each.label or "")
                if label.is_system or label.type is LabelType.CONTACT:
                    raise errors.Invalid("The label cannot be used.", writes="It is not for messages.")
                return Write(each.type, each.required, label_id=label.id)
            case WriteType.TASK:
                _only(each, "summary")
                summary = reach.text(each.summary, "writes", templates.LONGEST) if each.summary is not None else None
                return Write(each.type, each.required, summary=summary)
            case WriteType.WEBHOOK:
                _only(each, "url", "event_type")
                return Write(each.type, each.required, url=self._url(each.url), event_type=_type(each.event_type))
            case WriteType.TICKET_OPEN:
                _only(each, "class_label_key", "priority")
                _check_class(tx, caller, each.class_label_key)
                return Write(each.type, each.required, class_label_key=each.class_label_key, priority=each.priority)
            case WriteType.TICKET_UPDATE:
                _only(each, "class_label_key", "priority", "status")
                _check_class(tx, caller, each.class_label_key)
                if each.status is not None and each.status.is_final:
                    raise errors.Invalid("A rule ends no ticket.", writes="Tickets are resolved and closed by people.")
                if each.class_label_key is None and each.priority is None and each.status is None:
                    raise errors.Invalid("A target cannot be used.", writes="Say what is to be different.")
                return Write(
                    each.type, each.required, class_label_key=each.class_label_key, priority=each.priority,
                    status=each.status,
                )  # fmt: skip

    def _url(self, url: str | None) -> str:
        if url is None:
            raise errors.Invalid("A webhook leads somewhere.", writes="A webhook has a url.")
        try:
            self._endpoints.check(url)
        except errors.Invalid as error:
            raise errors.Invalid(error.message, writes=error.message) from error
        return url


def _conditions(tx: Transaction, caller: Caller, some: Sequence[Condition]) -> tuple[Condition, ...]:
    """Conditions that can be used; NotFound for a label that the caller's team has not."""
    if len(some) > MOST_CONDITIONS:
        raise errors.Invalid("There are too many conditions.", conditions=f"At most {MOST_CONDITIONS}.")
    checked = tuple(conditions.check(each) for each in some)
    for each in checked:
        if each.field is Field.LABEL_ID and not isinstance(each.value, bool):
            for text in each.value if isinstance(each.value, list) else [str(each.value)]:
                labels.one(tx, caller, text)
    return checked


def _check_class(snapshot: Snapshot, caller: Caller, key: str | None) -> None:
    """Refuse what is no class of tickets; NotFound where the caller's team has none of this key."""
    if key is None:
        return
    label = label_store.by_key(snapshot, caller.tenant_id, key) if key.startswith(CLASS_KEYS) else None
    if label is None and key.startswith(CLASS_KEYS):
        raise errors.NotFound("There is no such label.")
    if label is None or label.type is LabelType.CONTACT:
        raise errors.Invalid("The class cannot be used.", writes=f"A label for threads of a key {CLASS_KEYS}…")


def _only(each: WantedWrite, *names: str) -> None:
    """Refuse fields of a target that belong to another type."""
    others = [name for name in _TARGET_FIELDS if getattr(each, name) is not None]
    strange = [name for name in others if name not in names]
    if strange or ("label" in names and each.label is None):
        wanted = ", ".join("label_id" if name == "label" else name for name in names)
        raise errors.Invalid("A target cannot be used.", writes=f"A target {each.type.value} has {wanted}.")


def _type(text: str | None) -> str | None:
    if text is not None and (len(text) > LONGEST_TYPE or not _TYPE.fullmatch(text)):
        raise errors.Invalid("The event_type cannot be used.", writes="Words such as workflow.inbound_route.")
    return text


def _one(snapshot: Snapshot, caller: Caller, text: str, inbox: Inbox | None) -> Rule:
    return reach.one(snapshot, workflows.get, Kind.WORKFLOW, caller, text, inbox.id if inbox else None)


def _now() -> int:
    return int(time.time() * 1000)
