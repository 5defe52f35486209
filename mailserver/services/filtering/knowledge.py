"""What inboxes know: words of junk, and people that they have written to. Read from the database, and remembered."""

import time
from collections.abc import Callable, Sequence

from mailserver.entities.verdict import Reason
from mailserver.memory import Memory
from mailserver.services.filtering import bayes
from mailserver.storage import bayes as lessons
from mailserver.storage import correspondents
from mailserver.storage.database import Database, Snapshot

SECONDS = 10.0  # after which another node's news are seen at the latest
MOST = 50_000

_Answer = tuple[dict[int, Reason], frozenset[int]]


class Knowledge:
    """Asks the database as rarely as it can: most inboxes have learned nothing, and most strangers write again."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._untaught: Memory[int, bool] = Memory(SECONDS, MOST, clock)
        self._strangers: Memory[tuple[int, str], bool] = Memory(SECONDS, MOST, clock)

    def forget(self) -> None:
        """Ask again: somebody has learned something, or written to somebody."""
        self._untaught.forget()
        self._strangers.forget()

    async def of(self, inbox_ids: Sequence[int], tokens: Sequence[str], writer: str) -> _Answer:
        """What each inbox's words say, and which of the inboxes have written to the writer; '' asks for nobody."""
        taught = [inbox_id for inbox_id in inbox_ids if not self._untaught.get(inbox_id)]
        acquainted = [inbox_id for inbox_id in inbox_ids if writer and not self._strangers.get((inbox_id, writer))]
        if not taught and not acquainted:
            return {}, frozenset()
        reasons, knowing, learned = await self._database.read(_look_up, taught, tokens, acquainted, writer)
        for inbox_id in taught:
            if inbox_id not in learned:
                self._untaught.put(inbox_id, value=True)
        for inbox_id in acquainted:
            if inbox_id not in knowing:
                self._strangers.put((inbox_id, writer), value=True)
        return reasons, knowing


def _look_up(
    snapshot: Snapshot, taught: Sequence[int], tokens: Sequence[str], acquainted: Sequence[int], writer: str
) -> tuple[dict[int, Reason], frozenset[int], frozenset[int]]:
    knowing = correspondents.known_to(snapshot, acquainted, writer) if acquainted else frozenset()
    learned = lessons.taught(snapshot, taught)
    return bayes.reasons(snapshot, [one for one in taught if one in learned], tokens), knowing, learned
