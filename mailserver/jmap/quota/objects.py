"""A Quota as clients see it."""

from typing import Any

from mailserver.entities.quota import Quota

PROPERTIES = (
    "id", "resourceType", "used", "hardLimit", "scope", "name", "types", "warnLimit", "softLimit", "description",
)  # fmt: skip
TYPES = ("Mail",)
_NAMES = {"octets": "Storage", "count": "Messages"}


def shown(quota: Quota) -> dict[str, Any]:
    """Every property. Mail is taken in until the limit is reached, so that the last message may go beyond it."""
    return {
        "id": quota.name,
        "resourceType": quota.name,
        "used": quota.used,
        "hardLimit": quota.limit,
        "scope": "account",
        "name": _NAMES[quota.name],
        "types": list(TYPES),
        "warnLimit": quota.limit * 9 // 10,
        "softLimit": None,
        "description": None,
    }
