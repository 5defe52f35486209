"""Note which new mail is to be looked at: a subscriber of the event feed."""

from collections.abc import Callable

from mailserver.entities import identifiers
from mailserver.entities.enrichment import Feature, WorkKind
from mailserver.entities.event import Event, EventType
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import Kind
from mailserver.services.enrichment.features import Features
from mailserver.storage import enrichment
from mailserver.storage.database import Snapshot, Transaction

_OF_MESSAGES = frozenset({Feature.LABEL_SUGGEST, Feature.CALENDAR_SUGGEST})


class Requests:
    """Asks that mail which came in be looked at. Threads are looked at when somebody asks for their summary."""

    def __init__(self, features: Features, clock: Callable[[], int]) -> None:
        self._features = features
        self._clock = clock

    def matches(self, snapshot: Snapshot, event: Event) -> bool:
        """Whether mail came to an inbox that wants suggestions, and not as junk."""
        return (
            event.type is EventType.MESSAGE_RECEIVED
            and event.body.get("folder") != Role.JUNK.value
            and not self._features.within(snapshot, event.inbox_id).isdisjoint(_OF_MESSAGES)
        )

    def take(self, tx: Transaction, event: Event) -> None:
        """Put the message into the line."""
        message_id = identifiers.decode(Kind.MESSAGE, event.body["message_id"])
        enrichment.ask(tx, WorkKind.MESSAGE, message_id, event.inbox_id, self._clock())
