"""What a form for tickets is made of."""

from typing import Any

from mailserver.api.gent.schemas.tickets import LabelGroup, TicketReference
from mailserver.entities import ticket
from mailserver.entities.ticket import TicketPriority, TicketStatus
from mailserver.entities.workflow import Field, Op, Trigger, WriteType

_THREAD = "/v1/messages/threads/{thread_id}/"
_ENDPOINTS = {
    "list_tickets": ("GET", "/v1/messages/threads/?ticket=true"),
    "get_ticket": ("GET", f"{_THREAD}ticket/"),
    "open_ticket": ("POST", f"{_THREAD}ticket/"),
    "update_ticket": ("PATCH", f"{_THREAD}ticket/"),
    "resolve_ticket": ("POST", f"{_THREAD}ticket/resolve/"),
    "close_ticket": ("POST", f"{_THREAD}ticket/close/"),
    "reopen_ticket": ("POST", f"{_THREAD}ticket/reopen/"),
    "list_thread_labels": ("GET", f"{_THREAD}labels/"),
    "apply_thread_label": ("POST", f"{_THREAD}labels/"),
    "remove_thread_label": ("DELETE", f"{_THREAD}labels/{{label_id}}/"),
    "fork_thread": ("POST", f"{_THREAD}fork/"),
    "list_thread_links": ("GET", f"{_THREAD}links/"),
}


def _call(method: str, path: str) -> dict[str, str]:
    return {"method": method, "path": path}


def _field(name: str, kind: str, description: str, *, required: bool = False, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "required": required, "description": description, **more}


def _group(prefix: str, description: str, keys: list[str], *, is_system: bool) -> LabelGroup:
    return LabelGroup(group=prefix.rstrip("/"), key_prefix=prefix, description=description, keys=keys, system=is_system)


def reference() -> TicketReference:
    """The builder contract."""
    statuses, priorities = list(TicketStatus), list(TicketPriority)
    by_hand = [each.value for each in statuses if not each.is_final]
    return TicketReference(
        resource="messages.ticketing",
        label_groups=[
            _group(
                ticket.CLASS_KEYS, "Classes: the team's own labels. Putting one on a thread opens a ticket.", [],
                is_system=False,
            ),
            _group(
                ticket.STATUS_KEYS, "Follows the status of the ticket.",
                [f"{ticket.STATUS_KEYS}{each.value}" for each in statuses], is_system=True,
            ),
            _group(
                ticket.PRIORITY_KEYS, "Follows the priority of the ticket.",
                [f"{ticket.PRIORITY_KEYS}{each.value}" for each in priorities], is_system=True,
            ),
        ],
        statuses=statuses,
        priorities=priorities,
        class_config={
            "required_fields": ["label_key"],
            "fields": [
                _field(
                    "label_key", "string", "The key of the label that is the class; make it as `key` of a label.",
                    required=True, prefix=ticket.CLASS_KEYS, example=f"{ticket.CLASS_KEYS}billing",
                    create=_call("POST", "/v1/labels/"),
                ),
                _field("priority", "string", "Of tickets of the class.", options=[each.value for each in priorities]),
                _field("status", "string", "That a rule may set.", options=by_hand),
            ],
            "matching": {
                "rule": _call("POST", "/v1/workflows/"),
                "triggers": [each.value for each in Trigger],
                "condition_fields": [each.value for each in Field],
                "operators": [each.value for each in Op],
                "writes": {
                    WriteType.TICKET_OPEN.value: ["class_label_key", "priority"],
                    WriteType.TICKET_UPDATE.value: ["class_label_key", "priority", "status"],
                    WriteType.ADD_LABEL.value: ["label_id"],
                },
            },
        },
        endpoints={name: _call(*call) for name, call in _ENDPOINTS.items()},
    )  # fmt: skip
