"""States of the types of an inbox, and what was touched behind one (RFC 8620 5.2)."""

from dataclasses import dataclass
from enum import IntEnum

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.storage import changes, folders
from mailserver.storage.database import Database, Snapshot


class Type(IntEnum):
    """What has a state of its own in an inbox."""

    EMAIL = changes.EMAIL
    MAILBOX = changes.MAILBOX
    THREAD = changes.THREAD
    IDENTITY = changes.IDENTITY
    SUBMISSION = changes.SUBMISSION
    SIEVE_SCRIPT = changes.SIEVE_SCRIPT
    VACATION = changes.VACATION_RESPONSE


class Unknown(errors.ServiceError):
    """Changes cannot be told from this state; fetch everything again."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What a client has to learn; ids are numbers. `new_state` comes before later changes where there are more."""

    old_state: str
    new_state: str
    has_more: bool
    created: tuple[int, ...]
    updated: tuple[int, ...]
    destroyed: tuple[int, ...]
    only_counts: bool = False  # of mailboxes: nothing but counts has changed in those that are updated


class Changes:
    """Reads states and changes, through the caller's eyes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self, caller: Caller, inbox: Inbox, kind: Type) -> str:
        """The state of a type."""
        caller.require(Scope.EMAIL_READ)
        return str(await self._database.read(changes.state, inbox.id, int(kind)))

    async def states(self, caller: Caller, inbox: Inbox) -> dict[Type, str]:
        """The state of every type."""
        caller.require(Scope.EMAIL_READ)

        def read(snapshot: Snapshot) -> dict[Type, str]:
            return {kind: str(changes.state(snapshot, inbox.id, int(kind))) for kind in Type}

        return await self._database.read(read)

    async def since(self, caller: Caller, inbox: Inbox, kind: Type, state: str, most: int) -> Delta:
        """What was touched behind a state, at most so many objects; Unknown for a state that is none of ours."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(since, inbox.id, kind, state, most)


def number(snapshot: Snapshot, inbox_id: int, kind: Type, state: str) -> int:
    """A state as its number; Unknown where it is too old, comes from the future, or was never one."""
    if not (state.isascii() and state.isdigit() and len(state) <= 18):
        raise Unknown
    modseq = int(state)
    if not changes.floor(snapshot, inbox_id, int(kind)) <= modseq <= changes.state(snapshot, inbox_id, int(kind)):
        raise Unknown
    return modseq


def since(snapshot: Snapshot, inbox_id: int, kind: Type, state: str, most: int) -> Delta:
    """What was touched behind a state, in order, cut behind `most` objects that a client has to hear of.

    A state between two parts is `position-begun`: what the client has heard of reaches up to the one, and the first
    part began behind the other. Without that, an object that was made behind `begun` and changed soon after would be
    told in a later part as changed, though no part has ever told that it was made.
    """
    position, begun = _places(snapshot, inbox_id, kind, state)
    current = changes.state(snapshot, inbox_id, int(kind))
    touched: list[changes.Touched] = []
    at, has_more = position, True
    while has_more and len(touched) <= most:
        some = changes.since(snapshot, inbox_id, int(kind), at, most + 1)
        touched += [one for one in some if not (one.is_destroyed and one.created_modseq > position)]
        has_more = len(some) > most
        at = some[-1].modseq if some else at
    has_more = len(touched) > most
    del touched[most:]
    living = [one for one in touched if not one.is_destroyed]
    updated = tuple(one.object_id for one in living if one.created_modseq <= begun)
    return Delta(
        old_state=state,
        new_state=f"{touched[-1].modseq}-{begun}" if has_more else str(current),
        has_more=has_more,
        created=tuple(one.object_id for one in living if one.created_modseq > begun),
        updated=updated,
        destroyed=tuple(one.object_id for one in touched if one.is_destroyed),
        only_counts=kind is Type.MAILBOX
        and bool(updated)
        and folders.only_counts_since(snapshot, inbox_id, begun, updated),
    )


def _places(snapshot: Snapshot, inbox_id: int, kind: Type, state: str) -> tuple[int, int]:
    """Up to where a client has heard of changes, and behind what it began to be told of them."""
    text, is_between, first = state.partition("-")
    position = number(snapshot, inbox_id, kind, text)
    begun = number(snapshot, inbox_id, kind, first) if is_between else position
    if begun > position:
        raise Unknown
    return position, begun
