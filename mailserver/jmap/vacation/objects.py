"""A VacationResponse as clients see it, and as they write it."""

from collections.abc import Mapping
from typing import Any

from mailserver.entities.sieve import VacationResponse
from mailserver.jmap import arguments, errors

SINGLETON = "singleton"
PROPERTIES = ("id", "isEnabled", "fromDate", "toDate", "subject", "textBody", "htmlBody")


def shown(response: VacationResponse) -> dict[str, Any]:
    """Every property."""
    return {
        "id": SINGLETON,
        "isEnabled": response.is_enabled,
        "fromDate": arguments.utc_date(response.from_at) if response.from_at is not None else None,
        "toDate": arguments.utc_date(response.to_at) if response.to_at is not None else None,
        "subject": response.subject,
        "textBody": response.text,
        "htmlBody": response.html,
    }


def read(given: Mapping[str, Any]) -> VacationResponse:
    """What a client wants; invalidProperties for what cannot be so."""
    unknown = [name for name in given if name not in PROPERTIES]
    if unknown:
        raise errors.SetRefused("invalidProperties", "A VacationResponse has no such property.", unknown)
    if given["id"] != SINGLETON:
        raise errors.invalid_property("id", "The id is singleton.")
    if not isinstance(given["isEnabled"], bool):
        raise errors.invalid_property("isEnabled", "True or false.")
    return VacationResponse(
        given["isEnabled"],
        _date(given, "fromDate"),
        _date(given, "toDate"),
        _text(given, "subject"),
        _text(given, "textBody"),
        _text(given, "htmlBody"),
    )


def _date(given: Mapping[str, Any], name: str) -> int | None:
    if given[name] is None:
        return None
    at = arguments.utc_ms(given[name])
    if at is None:
        raise errors.invalid_property(name, "A date in UTC, or null.")
    return at


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given[name]
    if value is not None and not isinstance(value, str):
        raise errors.invalid_property(name, "A string, or null.")
    return value
