"""A SieveScript as clients see it."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.sieve import SieveScript
from mailserver.jmap import blobs

PROPERTIES = ("id", "name", "blobId", "isActive")


def shown(script: SieveScript) -> dict[str, Any]:
    """Every property."""
    return {
        "id": identifiers.encode(Kind.SIEVE_SCRIPT, script.id),
        "name": script.name,
        "blobId": blobs.of(script.hash),
        "isActive": script.is_active,
    }
