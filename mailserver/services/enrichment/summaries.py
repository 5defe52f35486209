"""Summaries of threads, through the caller's eyes: what is kept is shown, what is missing or old is asked for."""

from collections.abc import Callable

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.enrichment import Feature, ThreadDigest, WorkKind
from mailserver.entities.inbox import Inbox
from mailserver.services.mailbox import resolve
from mailserver.storage import enrichment, summaries, threads
from mailserver.storage.database import Database, Snapshot, Transaction


class Summaries:
    """What conversations were about."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    async def get(self, caller: Caller, text: str, inbox: Inbox | None) -> tuple[int, ThreadDigest | None, bool]:
        """The thread, its summary where there is one, and whether messages came or went since; a new one is made then.

        FeatureDisabled where the inbox has summaries switched off.
        """
        caller.require(Scope.EMAIL_READ)
        number, found, is_stale = await self._database.read(_kept, caller, text, inbox)
        if found is not None and not is_stale:
            return number, found, False

        def ask(tx: Transaction) -> bool:
            resolved = resolve.thread_id(tx, caller, text, inbox.id if inbox else None)
            return enrichment.ask(tx, WorkKind.THREAD, resolved, _owner(tx, resolved), self._clock())

        if not await self._database.write(ask) and found is None:
            raise errors.TooMany("Too many messages of this inbox wait to be read; try again later.")
        return number, found, is_stale


def _kept(snapshot: Snapshot, caller: Caller, text: str, inbox: Inbox | None) -> tuple[int, ThreadDigest | None, bool]:
    number = resolve.thread_id(snapshot, caller, text, inbox.id if inbox else None)
    if not enrichment.is_on(snapshot, _owner(snapshot, number), Feature.THREAD_SUMMARY):
        raise errors.FeatureDisabled("Summaries are switched off; switch thread_summary on by PUT /v1/enrichment/.")
    found = summaries.get(snapshot, number)
    if found is None:
        return number, None, False
    return number, found, summaries.state(snapshot, number) != (found.last_message_id, found.message_count)


def _owner(snapshot: Snapshot, thread_id: int) -> int:
    found = threads.find(snapshot, thread_id)
    if found is None:
        raise errors.NotFound("There is no such thread.")
    return found[1]
