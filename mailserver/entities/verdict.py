"""What was found out about a message that came in, and what is done with it."""

from dataclasses import dataclass, replace
from enum import StrEnum

from mailserver.mail import spam_status


class Action(StrEnum):
    """What the score asks for. Nothing is ever dropped."""

    NONE = "none"
    JUNK = "junk"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that counted: its name in capitals, the points, and a sentence for people."""

    name: str
    score: float
    detail: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score a message is junk, and from which it is refused; None refuses nothing."""

    junk: float = 5.0
    reject: float | None = 15.0

    def action(self, score: float) -> Action:
        """What a score asks for."""
        if self.reject is not None and score >= self.reject:
            return Action.REJECT
        return Action.JUNK if score >= self.junk else Action.NONE


_ORDER = tuple(Action)


@dataclass(frozen=True, slots=True)
class Assessment:
    """The explained score of one message. `own` holds what counts for single inboxes of several alone.

    `wait_seconds` above 0 asks that the sender comes back later; a rejection goes before it.
    """

    score: float
    reasons: tuple[Reason, ...]
    action: Action
    required: float = 5.0
    wait_seconds: int = 0
    own: tuple[tuple[int, Reason], ...] = ()
    thresholds: Thresholds = Thresholds()
    floor: Action = Action.NONE  # what a scanner asked for, whatever the score

    def for_inbox(self, inbox_id: int) -> "Assessment":
        """The assessment as it is for one inbox, with what only that one knows. Refusing is for all or none."""
        mine = tuple(reason for owner, reason in self.own if owner == inbox_id)
        if not mine:
            return replace(self, own=())
        whole = assess((*self.reasons, *mine), self.thresholds, self.floor)
        action = Action.JUNK if whole.action is Action.REJECT and self.action is not Action.REJECT else whole.action
        return replace(whole, action=action, wait_seconds=self.wait_seconds)

    @property
    def is_junk(self) -> bool:
        """Whether it belongs into Junk at the least."""
        return self.action is not Action.NONE

    def as_json(self) -> dict[str, object]:
        """What is kept beside the message and shown by the API."""
        return {
            "score": round(self.score, 2),
            "required": self.required,
            "action": self.action.value,
            "reasons": [
                {"name": reason.name, "score": round(reason.score, 2), "detail": reason.detail}
                for reason in self.reasons
            ],
        }

    def header(self) -> bytes:
        """The X-Spam-Status field, folded, with its line break."""
        tests = [(reason.name, reason.score) for reason in self.reasons]
        return spam_status.header(tests, self.score, self.required, is_spam=self.is_junk)


def assess(
    reasons: tuple[Reason, ...], thresholds: Thresholds, floor: Action = Action.NONE, wait_seconds: int = 0
) -> Assessment:
    """Add reasons up, the weightiest first; the action is at least what a scanner asked for."""
    ordered = tuple(sorted(reasons, key=lambda reason: (-abs(reason.score), reason.name, reason.detail)))
    score = sum(reason.score for reason in ordered)
    action = max(thresholds.action(score), floor, key=_ORDER.index)
    return Assessment(score, ordered, action, thresholds.junk, wait_seconds, (), thresholds, floor)
