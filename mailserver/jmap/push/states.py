"""States as they are told: by account and by the names of types (RFC 8620 7.1)."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.services.syncing import state_changes
from mailserver.services.syncing.state_changes import States

NAMES = {
    state_changes.EMAIL: "Email",
    state_changes.EMAIL_DELIVERY: "EmailDelivery",
    state_changes.MAILBOX: "Mailbox",
    state_changes.THREAD: "Thread",
    state_changes.IDENTITY: "Identity",
    state_changes.SUBMISSION: "EmailSubmission",
    state_changes.SIEVE_SCRIPT: "SieveScript",
    state_changes.VACATION_RESPONSE: "VacationResponse",
}
_TYPES = {name: kind for kind, name in NAMES.items()}
EVERY = frozenset(NAMES)


def types(names: Iterable[str] | None) -> frozenset[int]:
    """The types of these names, of all where none are named; a name that is not known has no changes to tell of."""
    return EVERY if names is None else frozenset(_TYPES[name] for name in names if name in _TYPES)


def change(states: Mapping[int, Mapping[int, int]]) -> dict[str, Any]:
    """A StateChange."""
    return {
        "@type": "StateChange",
        "changed": {
            identifiers.encode(Kind.INBOX, inbox_id): {NAMES[kind]: str(modseq) for kind, modseq in of_inbox.items()}
            for inbox_id, of_inbox in states.items()
        },
    }


def token(states: States) -> str:
    """A string that changes with any of the states: what a client shows when it comes again."""
    rows = sorted((inbox_id, *sorted(of_inbox.items())) for inbox_id, of_inbox in states.items() if of_inbox)
    return hashlib.blake2b(repr(rows).encode(), digest_size=12).hexdigest()
