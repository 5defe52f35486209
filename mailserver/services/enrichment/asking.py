"""What a model is asked about mail, the form of its answers, and what becomes of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from mailserver.entities.label import Label
from mailserver.mail import occasion
from mailserver.mail.address import Person
from mailserver.mail.occasion import Occasion
from mailserver.mail.summary import ActionItem, Digest, Turn
from mailserver.services.enrichment.letter import Letter
from mailserver.services.enrichment.model import Answer, ModelFailed

LONGEST_SUMMARY = 1_500
LONGEST_ITEM = 300
LONGEST_TURN = 6_000
LONGEST_LETTER = 8_000
MOST_LABELS = 100  # that a model chooses from
LATEST_MS = 5 * 366 * 24 * occasion.HOUR_MS
Sentence = Annotated[str, StringConstraints(max_length=LONGEST_ITEM)]
SUMMARY_FORM = (
    'Summarise the conversation. Form: {"summary": "two or three sentences on what was discussed", '
    '"decisions": ["what was explicitly decided"], "action_items": [{"owner": "address or name", '
    '"action": "what they have to do"}], "status": "open" or "resolved"}'
)
MESSAGE_FORM = (
    'Judge the message. Form: {"labels": [{"number": n, "confidence": 0 to 1}], "event": null or {"title": "...", '
    '"start": "YYYY-MM-DDTHH:MM", "duration_minutes": n, "location": null or "...", "description": null or "..."}}. '
    "Labels: at most three of the numbered ones that surely fit, else an empty list. Event: only where the message "
    "arranges a meeting or appointment at a definite time that lies behind `written`; local time of `written`."
)


class ItemAnswer(Answer):
    """Something to be done."""

    owner: Annotated[str, StringConstraints(min_length=1, max_length=254)]
    action: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ITEM)]


class SummaryAnswer(Answer):
    """A summary."""

    summary: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_SUMMARY)]
    decisions: Annotated[list[Sentence], Field(max_length=20)]
    action_items: Annotated[list[ItemAnswer], Field(max_length=20)]
    status: Literal["open", "resolved"]


class LabelAnswer(Answer):
    """One of the labels that were offered."""

    number: int
    confidence: Annotated[float, Field(ge=0, le=1)]


class EventAnswer(Answer):
    """An appointment."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ITEM)]
    start: Annotated[str, StringConstraints(max_length=40)]
    duration_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 366)]
    location: Sentence | None = None
    description: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class MessageAnswer(Answer):
    """What fits a message."""

    labels: Annotated[list[LabelAnswer], Field(max_length=20)]
    event: EventAnswer | None = None


def conversation(subject: str, turns: Sequence[Turn]) -> dict[str, Any]:
    """A conversation as it is given."""
    return {
        "subject": subject[:LONGEST_ITEM],
        "messages": [
            {
                "from": _person(turn.author),
                "to": [_person(person) for person in turn.to[:10]],
                "text": turn.text[:LONGEST_TURN],
            }
            for turn in turns
        ],
    }


def message(letter: Letter, labels: Sequence[Label], written: datetime) -> dict[str, Any]:
    """A message as it is given."""
    return {
        "labels": [{"number": number, "name": label.name} for number, label in enumerate(labels[:MOST_LABELS])],
        "written": written.isoformat(timespec="minutes"),
        "subject": letter.subject[:LONGEST_ITEM],
        "from": _person(letter.author),
        "to": [_person(person) for person in letter.to[:10]],
        "text": letter.text[:LONGEST_LETTER],
    }


def digest(answer: SummaryAnswer) -> Digest:
    """The summary that an answer gives."""
    summary = occasion.line(answer.summary, LONGEST_SUMMARY)
    if not summary:
        raise ModelFailed("The model's answer has no summary")
    decisions = (occasion.line(each, LONGEST_ITEM) for each in answer.decisions)
    items = (
        ActionItem(occasion.line(each.owner, 254), occasion.line(each.action, LONGEST_ITEM))
        for each in answer.action_items
    )
    return Digest(
        summary, tuple(filter(None, decisions)), tuple(each for each in items if each.owner and each.action),
        answer.status == "resolved",
    )  # fmt: skip


def labels(answer: MessageAnswer, offered: Sequence[Label]) -> dict[int, float]:
    """The labels that an answer names, of those that were offered."""
    return {
        offered[each.number].id: round(each.confidence, 2)
        for each in answer.labels
        if 0 <= each.number < min(len(offered), MOST_LABELS)
    }


def event(answer: MessageAnswer, people: tuple[Person, ...], written: datetime) -> Occasion | None:
    """The appointment that an answer names; those who take part are the people of the message, whatever it says."""
    found = answer.event
    if found is None:
        return None
    start_at = _moment(found.start, written.tzinfo)
    written_at = int(written.timestamp() * 1000)
    title = occasion.line(found.title, occasion.LONGEST_TITLE)
    if start_at is None or not title or not written_at < start_at < written_at + LATEST_MS:
        return None
    return occasion.made(
        title, start_at, start_at + found.duration_minutes * 60_000, found.location, found.description, people
    )


def _moment(text: str, zone: tzinfo | None) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=zone or UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _person(person: Person) -> str:
    return f"{person.name} <{person.address}>" if person.name else person.address
