"""Ids that a caller gives for things of an inbox. Somebody else's is the same NotFound as nobody's."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.storage import inboxes
from mailserver.storage.database import Snapshot, Transaction

_NAMES = {
    Kind.CALENDAR: "calendar", Kind.CALENDAR_EVENT: "event", Kind.TASK: "task", Kind.CONTACT: "contact",
    Kind.COMMITMENT: "commitment", Kind.ALERT: "alert", Kind.WORKFLOW: "workflow rule",
    Kind.BROADCAST: "broadcast",
}  # fmt: skip


class Owned(Protocol):
    """Something that belongs to an inbox."""

    @property
    def tenant_id(self) -> int:
        """Whose it is."""
        ...

    @property
    def inbox_id(self) -> int:
        """Which inbox it belongs to."""
        ...


T = TypeVar("T", bound=Owned)


def one(
    snapshot: Snapshot,
    get: Callable[[Snapshot, int], T | None],
    kind: Kind,
    caller: Caller,
    text: str,
    inbox_id: int | None = None,
) -> T:
    """A thing by its id, where the caller may see its inbox, and it is of the inbox that is named."""
    try:
        found = get(snapshot, identifiers.decode(kind, text))
    except identifiers.BadIdentifier:
        found = None
    if (
        found is None
        or found.tenant_id != caller.tenant_id
        or caller.inbox_id not in (None, found.inbox_id)
        or inbox_id not in (None, found.inbox_id)
    ):
        raise errors.NotFound(f"There is no such {_NAMES[kind]}.")
    return found


def still_open(tx: Transaction, inbox: Inbox) -> None:
    """Refuse where an inbox was closed since it was looked up."""
    if inboxes.get(tx, inbox.id) is None:
        raise errors.NotFound("There is no such inbox.")


def text(value: str, field: str, longest: int) -> str:
    """What people typed, without white space around it; Invalid where nothing is left, or too much."""
    stripped = value.strip()
    if not stripped or len(stripped) > longest or "\0" in stripped:
        sentence = f"Between 1 and {longest} characters."
        raise errors.Invalid(f"The {field} cannot be used.", **{field: sentence})
    return stripped
