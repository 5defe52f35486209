"""States as they are told: by account and by the names of types (RFC 8620 7.1)."""

from collections.abc import Mapping
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.services.syncing.state_changes import NAMES


def change(states: Mapping[int, Mapping[int, int]]) -> dict[str, Any]:
    """A StateChange."""
    return {
        "@type": "StateChange",
        "changed": {
            identifiers.encode(Kind.INBOX, inbox_id): {NAMES[kind]: str(modseq) for kind, modseq in of_inbox.items()}
            for inbox_id, of_inbox in states.items()
        },
    }
