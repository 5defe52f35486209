"""What a form for alerts is made of."""

from typing import Any

from mailserver.api.gent.schemas.alerts import AlertReference
from mailserver.entities.alert import DEFAULT_RETRIES, AlertDelivery, OffsetUnit
from mailserver.entities.webhook import Backoff

VERSION = "2026-06-06"
_TYPES = {
    AlertDelivery.WEBHOOK: ("Send an HTTP notification to a URL.", "url", "https://example.com/hooks/mail"),
    AlertDelivery.TASK: ("Make a task in the inbox's Tasks calendar.", "template", "Answer {from_name}: {subject}"),
}
_BACKOFFS = {
    Backoff.IMMEDIATE: "Each failed attempt is repeated at once.",
    Backoff.FIXED: "Attempts are a fixed time apart.",
    Backoff.EXPONENTIAL: "Each wait is longer than the one before.",
}


def _field(name: str, kind: str, description: str, *, required: bool = False, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "required": required, "description": description, **more}


def reference() -> AlertReference:
    """The builder contract."""
    strategies = [each.value for each in Backoff]
    return AlertReference(
        version=VERSION,
        resource="alerts",
        payload={
            "create_rule": {"method": "POST", "path": "/v1/alerts/"},
            "test_delivery": {"method": "POST", "path": "/v1/alerts/test/"},
        },
        fields=[
            _field("inbox_id", "string", "The inbox; left out with an agent token.", required=True),
            _field("events", "array", "Types of GET /v1/events/reference/.", required=True),
            _field("delivery", "object", "How it is told.", required=True),
            _field("offset", "object", "Before the start of a calendar event, after any other event."),
            _field(
                "filter", "object", "Fields of the event with the value, or one of the values, that they must have."
            ),
            _field("threshold", "number", "From how many per cent of a cap, for cap.reached."),
            _field("enabled", "boolean", "Whether the rule is on.", default=True),
            _field(
                "retries",
                "number",
                "How often a webhook is tried again.",
                default=DEFAULT_RETRIES,
                minimum=0,
                maximum=10,
            ),
            _field("backoff", "string", "How long the tries are apart.", options=strategies),
        ],
        delivery_builder={
            "type_field": "delivery.type",
            "target_field": "delivery.target",
            "fields_by_type": {
                kind.value: [_field("delivery.target", target, description, required=True, example=example)]
                for kind, (description, target, example) in _TYPES.items()
            },
        },
        delivery_types=[
            {"type": kind.value, "description": description, "required_fields": ["target"], "target_type": target}
            for kind, (description, target, _) in _TYPES.items()
        ],
        backoff_strategies=[{"strategy": each.value, "description": text} for each, text in _BACKOFFS.items()],
        offset_units=[each.value for each in OffsetUnit],
    )
