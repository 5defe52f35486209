"""System labels: what folders and flags are called where there are labels only."""

from mailserver.entities import errors, label
from mailserver.entities.message import Flag, MessageSummary, Visibility

UNREAD, STARRED, SPAM, TRASH, BLOCKED = "unread", "starred", "spam", "trash", "blocked"
RECEIVED, SENT, DRAFT, SCHEDULED = "received", "sent", "draft", "scheduled"
UNAUTHENTICATED = "unauthenticated"  # stands in the dictionary; who sent it could not be found out
DERIVED = frozenset({UNREAD, STARRED, SPAM, TRASH, BLOCKED, RECEIVED, SENT, DRAFT, SCHEDULED})
CHANGEABLE = frozenset({UNREAD, STARRED, SPAM, TRASH})
_PLACES = {Visibility.SPAM: SPAM, Visibility.TRASH: TRASH, Visibility.BLOCKED: BLOCKED}


def of_message(summary: MessageSummary) -> list[str]:
    """The system labels that a message has by its flags and its folder."""
    if summary.flags & Flag.DRAFT:
        found = [DRAFT]
    else:
        found = [SENT if summary.is_ours else RECEIVED]
        if not summary.flags & Flag.SEEN:
            found.append(UNREAD)
    if summary.flags & Flag.FLAGGED:
        found.append(STARRED)
    return [*found, *of_place(summary.visibility)]


def of_place(visibility: Visibility) -> list[str]:
    """The system label of a folder, where it has one."""
    return [_PLACES[visibility]] if visibility in _PLACES else []


def own(names: tuple[str, ...]) -> list[str]:
    """The names that are not derived from anything."""
    return [name for name in names if label.atom(name) not in DERIVED]


def refuse_fixed(names: tuple[str, ...], field: str) -> None:
    """Invalid for a label that only the server puts on new mail."""
    for name in names:
        if label.atom(name) in DERIVED | {UNAUTHENTICATED}:
            sentence = f"The label {name} is the server's own."
            raise errors.Invalid(sentence, **{field: sentence})
