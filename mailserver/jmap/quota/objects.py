"""A Quota as clients see it."""

from typing import Any

from mailserver.entities.quota import Quota

PROPERTIES = (
    "id", "resourceType", "used", "hardLimit", "scope", "name", "types", "warnLimit", "softLimit", "description",
)  # fmt: skip
TYPES = ("Mail",)
_NAMES = {"octets": "Storage", "count": "Messages"}


def name_of(quota: Quota) -> str:
    """Its id; what is shared with the tenant's other inboxes is another quota of the same resource."""
    return f"shared-{quota.name}" if quota.is_shared else quota.name


def shown(quota: Quota) -> dict[str, Any]:
    """Every property. Mail is taken in until the limit is reached, so that the last message may go beyond it."""
    return {
        "id": name_of(quota),
        "resourceType": quota.name,
        "used": quota.used,
        "hardLimit": quota.limit,
        "scope": "domain" if quota.is_shared else "account",
        "name": f"{_NAMES[quota.name]} of all" if quota.is_shared else _NAMES[quota.name],
        "types": list(TYPES),
        "warnLimit": quota.limit * 9 // 10,
        "softLimit": None,
        "description": None,
    }
