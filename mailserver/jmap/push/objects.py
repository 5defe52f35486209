"""A PushSubscription as JMAP has it (RFC 8620 7.2). Where it leads is never said again."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.push_subscription import PushSubscription
from mailserver.jmap import arguments

PROPERTIES = ("id", "deviceClientId", "verificationCode", "expires", "types")
SECRET = ("url", "keys")


def write(one: PushSubscription, code: str | None) -> dict[str, Any]:
    """What a client may read of it."""
    return {
        "id": identifiers.encode(Kind.PUSH_SUBSCRIPTION, one.id),
        "deviceClientId": one.device_id,
        "verificationCode": code,
        "expires": arguments.utc_date(one.expires_at),
        "types": list(one.types) if one.types is not None else None,
    }
