"""Labels and events that are suggested for messages."""

from collections.abc import Sequence
from typing import Any

import orjson

from mailserver.entities.enrichment import Suggested, SuggestedLabel, SuggestionState
from mailserver.entities.label import Label, LabelType
from mailserver.mail.address import Person
from mailserver.mail.occasion import Occasion
from mailserver.storage.database import Snapshot, Transaction

_OCCASION = "title, start_at, end_at, location, description, participants"


def of_messages(snapshot: Snapshot, message_ids: Sequence[int], *, labels: bool, events: bool) -> dict[int, Suggested]:
    """What is suggested for messages and not answered yet; a label that is on the message already is none."""
    if not message_ids:
        return {}
    marks = ",".join("?" * len(message_ids))
    by_message: dict[int, list[SuggestedLabel]] = {}
    if labels:
        for row in snapshot.all(
            "SELECT s.message_id, s.confidence, l.id, l.tenant_id, l.atom, l.display, l.kind, l.color, l.label_group, "
            "l.created_at FROM label_suggestion s JOIN label l ON l.id = s.label_id "
            f"WHERE s.message_id IN ({marks}) AND s.state = 'open' AND NOT EXISTS "
            "(SELECT 1 FROM message_label m WHERE m.message_id = s.message_id AND m.label_id = s.label_id) "
            "ORDER BY s.message_id, s.confidence DESC, l.atom",
            message_ids,
        ):
            label = Label(row[2], row[3], row[4], row[5], LabelType(row[6]), row[7], row[8], row[9])
            by_message.setdefault(row[0], []).append(SuggestedLabel(label, row[1]))
    occasions: dict[int, Occasion] = {}
    if events:
        for row in snapshot.all(
            f"SELECT message_id, {_OCCASION} FROM event_suggestion WHERE message_id IN ({marks}) AND state = 'open'",
            message_ids,
        ):
            occasions[row[0]] = _occasion(row[1:])
    return {each: Suggested(tuple(by_message.get(each, ())), occasions.get(each)) for each in {*by_message, *occasions}}


# -- labels -------------------------------------------------------------------------------------------------------


def put_labels(tx: Transaction, message_id: int, inbox_id: int, found: dict[int, float], now: int) -> None:
    """Suggest labels for a message in the place of those before; what was answered stays answered."""
    tx.execute("DELETE FROM label_suggestion WHERE message_id = ? AND state = 'open'", (message_id,))
    tx.executemany(
        "INSERT INTO label_suggestion VALUES (?, ?, ?, ?, 'open', ?) ON CONFLICT DO NOTHING",
        [(message_id, label_id, inbox_id, confidence, now) for label_id, confidence in found.items()],
    )


def label_state(snapshot: Snapshot, message_id: int, label_id: int) -> SuggestionState | None:
    """What was said to the suggestion of a label; None where there was none."""
    row = snapshot.one(
        "SELECT state FROM label_suggestion WHERE message_id = ? AND label_id = ?", (message_id, label_id)
    )
    return SuggestionState(row[0]) if row else None


def answer_label(tx: Transaction, message_id: int, label_id: int, state: SuggestionState, now: int) -> None:
    """Write what was said to the suggestion of a label."""
    tx.execute(
        "UPDATE label_suggestion SET state = ?, changed_at = ? WHERE message_id = ? AND label_id = ?",
        (state.value, now, message_id, label_id),
    )


# -- events -------------------------------------------------------------------------------------------------------


def put_event(tx: Transaction, message_id: int, inbox_id: int, found: Occasion | None, now: int) -> None:
    """Suggest an event for a message in the place of the one before; what was answered stays answered."""
    tx.execute("DELETE FROM event_suggestion WHERE message_id = ? AND state = 'open'", (message_id,))
    if found is None:
        return
    people = orjson.dumps([(person.address, person.name) for person in found.participants]).decode()
    tx.execute(
        "INSERT INTO event_suggestion VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open', NULL, ?) ON CONFLICT DO NOTHING",
        (
            message_id, inbox_id, found.title, found.start_at, found.end_at, found.location, found.description, people,
            now,
        ),
    )  # fmt: skip


def event(snapshot: Snapshot, message_id: int) -> tuple[Occasion, SuggestionState, int | None] | None:
    """The event that is suggested for a message, what was said to it, and the calendar event that it became."""
    row = snapshot.one(f"SELECT {_OCCASION}, state, event_id FROM event_suggestion WHERE message_id = ?", (message_id,))
    return (_occasion(row[:6]), SuggestionState(row[6]), row[7]) if row else None


def answer_event(tx: Transaction, message_id: int, state: SuggestionState, event_id: int | None, now: int) -> None:
    """Write what was said to the suggestion of an event."""
    tx.execute(
        "UPDATE event_suggestion SET state = ?, event_id = ?, changed_at = ? WHERE message_id = ?",
        (state.value, event_id, now, message_id),
    )


def _occasion(row: Sequence[Any]) -> Occasion:
    people = tuple(Person(address, name) for address, name in orjson.loads(row[5]))
    return Occasion(row[0], row[1], row[2], row[3], row[4], people)
