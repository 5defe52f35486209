"""Suggested labels and events, through the caller's eyes: shown, confirmed, dismissed."""

from collections.abc import Callable, Sequence

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.calendar import CalendarEvent, Participant
from mailserver.entities.enrichment import Feature, Suggested, SuggestionState
from mailserver.entities.inbox import Inbox
from mailserver.mail.occasion import Occasion
from mailserver.services.enrichment.features import Features
from mailserver.services.mailbox import resolve
from mailserver.services.workspace import labels
from mailserver.services.workspace.appointments import Appointments, Wanted
from mailserver.services.workspace.labels import Labels
from mailserver.storage import calendars, inboxes, label_store, messages, suggestions
from mailserver.storage.database import Database, Transaction


class Suggestions:
    """What is suggested for messages. An answer may be given twice: the second changes nothing."""

    def __init__(
        self, database: Database, features: Features, appointments: Appointments, put: Labels, clock: Callable[[], int]
    ) -> None:
        self._database = database
        self._features = features
        self._appointments = appointments
        self._labels = put
        self._clock = clock

    async def of(self, inbox_id: int, message_ids: Sequence[int]) -> dict[int, Suggested]:
        """What is suggested for messages of an inbox that the caller was let into; {} where all is off."""
        features = await self._features.of(inbox_id)
        has_labels, has_events = Feature.LABEL_SUGGEST in features, Feature.CALENDAR_SUGGEST in features
        if not (has_labels or has_events):
            return {}
        return await self._database.read(suggestions.of_messages, message_ids, labels=has_labels, events=has_events)

    async def confirm_label(self, caller: Caller, message: str, inbox: Inbox | None, label_id: str) -> None:
        """Put a suggested label on its message, which teaches what is like it."""

        def write(tx: Transaction) -> None:
            number, label = _suggested(tx, caller, message, inbox, label_id)
            now = self._clock()
            known = label_store.get(tx, label)
            if known is not None:
                self._labels.attach(tx, known, number)
            suggestions.answer_label(tx, number, label, SuggestionState.CONFIRMED, now)

        await self._database.write(write)

    async def dismiss_label(self, caller: Caller, message: str, inbox: Inbox | None, label_id: str) -> None:
        """Discard a suggested label; it is not suggested for the like of this message again.

        One that was confirmed stays confirmed: the label is taken off the message by other means.
        """

        def write(tx: Transaction) -> None:
            number, label = _suggested(tx, caller, message, inbox, label_id)
            if suggestions.label_state(tx, number, label) is SuggestionState.OPEN:
                suggestions.answer_label(tx, number, label, SuggestionState.DISMISSED, self._clock())

        await self._database.write(write)

    async def confirm_event(
        self, caller: Caller, message: str, inbox: Inbox | None, calendar: str | None
    ) -> CalendarEvent:
        """Put a suggested event into a calendar, the inbox's own where none is named; what it became."""

        def write(tx: Transaction) -> CalendarEvent:
            number = resolve.message_id(tx, caller, message, inbox.id if inbox else None)
            home = _home(tx, number)
            found = suggestions.event(tx, number)
            if found is None or found[1] is SuggestionState.DISMISSED:
                raise errors.NotFound("There is no event suggested for this message.")
            occasion, _, event_id = found
            known = calendars.event(tx, event_id) if event_id is not None else None
            if known is not None:
                return known
            made = self._appointments.insert(tx, caller, home, calendar, _wanted(occasion))
            suggestions.answer_event(tx, number, SuggestionState.CONFIRMED, made.id, self._clock())
            return made

        return await self._database.write(write)

    async def dismiss_event(self, caller: Caller, message: str, inbox: Inbox | None) -> None:
        """Discard a suggested event; one that was confirmed stays in its calendar."""

        def write(tx: Transaction) -> None:
            number = resolve.message_id(tx, caller, message, inbox.id if inbox else None)
            found = suggestions.event(tx, number)
            if found is None:
                raise errors.NotFound("There is no event suggested for this message.")
            if found[1] is SuggestionState.OPEN:
                suggestions.answer_event(tx, number, SuggestionState.DISMISSED, None, self._clock())

        await self._database.write(write)


def _suggested(tx: Transaction, caller: Caller, message: str, inbox: Inbox | None, label_id: str) -> tuple[int, int]:
    """The message and the label that was suggested for it."""
    number = resolve.message_id(tx, caller, message, inbox.id if inbox else None)
    label = labels.one(tx, caller, label_id)
    if suggestions.label_state(tx, number, label.id) is None:
        raise errors.NotFound("This label is not suggested for this message.")
    return number, label.id


def _home(tx: Transaction, message_id: int) -> Inbox:
    found = messages.find(tx, message_id)
    inbox = inboxes.get(tx, found[1]) if found else None
    if inbox is None:
        raise errors.NotFound("There is no such message.")
    return inbox


def _wanted(occasion: Occasion) -> Wanted:
    return Wanted(
        title=occasion.title, start_at=occasion.start_at, duration_ms=occasion.end_at - occasion.start_at,
        location=occasion.location, description=occasion.description,
        participants=tuple(Participant(person.address, person.name) for person in occasion.participants),
    )  # fmt: skip
