"""Which inboxes have what switched on, in memory: an inbox with nothing switched on costs nothing."""

from mailserver.entities.enrichment import Feature
from mailserver.storage import enrichment
from mailserver.storage.database import Database, Snapshot

NOTHING: frozenset[Feature] = frozenset()


class _Known:
    """What was read since switches changed last."""

    def __init__(self) -> None:
        self.by_inbox: dict[int, frozenset[Feature]] | None = None


class Features:
    """The switches of every inbox. A ring that some changed puts another memory in the place of the old one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = _Known()

    def forget(self) -> None:
        """Read again before the next answer."""
        self._known = _Known()

    async def of(self, inbox_id: int) -> frozenset[Feature]:
        """What an inbox has switched on."""
        known = self._known
        if known.by_inbox is None:
            known.by_inbox = await self._database.read(enrichment.features)
        return known.by_inbox.get(inbox_id, NOTHING)

    def within(self, snapshot: Snapshot, inbox_id: int) -> frozenset[Feature]:
        """The same, where a snapshot is at hand."""
        known = self._known
        if known.by_inbox is None:
            known.by_inbox = enrichment.features(snapshot)
        return known.by_inbox.get(inbox_id, NOTHING)
