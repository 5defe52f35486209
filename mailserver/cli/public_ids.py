"""Ids in log lines as everybody else knows them, so that one word finds the lines, the API's answer and the trace."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind

KINDS = {
    "tenant_id": Kind.TENANT, "user_id": Kind.USER, "inbox_id": Kind.INBOX, "message_id": Kind.MESSAGE,
    "thread_id": Kind.THREAD, "delivery_id": Kind.DELIVERY, "rule_id": Kind.WORKFLOW, "webhook_id": Kind.WEBHOOK,
}  # fmt: skip


def written(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """A step of structlog's chain."""
    for name, kind in KINDS.items():
        value = event.get(name)
        if type(value) is int and value >= 0:
            event[name] = identifiers.encode(kind, value)
    return event
