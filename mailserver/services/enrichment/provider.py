"""Who finds things out: the built-in provider, and before it the model that is set up, as long as that one answers."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

import structlog

from mailserver.entities.label import Label
from mailserver.mail import invitation, meeting, reservations, summary
from mailserver.mail.occasion import Occasion
from mailserver.mail.summary import Digest, Turn
from mailserver.services.enrichment import asking
from mailserver.services.enrichment.letter import Letter
from mailserver.services.enrichment.model import Answer, Endpoint, Model, ModelFailed

REST_MS = 60_000  # that an endpoint is left alone after it failed
MOST_RESTING = 1_000
Shape = TypeVar("Shape", bound=Answer)
T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out about a message. Without labels nobody was there who knows better than the neighbours."""

    occasion: Occasion | None = None
    labels: dict[int, float] | None = None


class Endpoints(Protocol):
    """Knows who is asked for an inbox."""

    async def endpoint(self, inbox_id: int) -> Endpoint | None:
        """The endpoint; None for the built-in provider."""
        ...


class Provider:
    """Summarises conversations and reads messages. It always has an answer."""

    def __init__(self, endpoints: Endpoints, model: Model, executor: Executor, clock: Callable[[], int]) -> None:
        self._endpoints = endpoints
        self._model = model
        self._executor = executor
        self._clock = clock
        self._resting: dict[str, int] = {}

    async def summarise(self, inbox_id: int, subject: str, turns: Sequence[Turn]) -> Digest:
        """What a conversation was about."""
        endpoint = await self._available(inbox_id)
        if endpoint is not None:
            given = asking.conversation(subject, turns)
            answer = await self._ask(inbox_id, endpoint, asking.SUMMARY_FORM, given, asking.SummaryAnswer)
            if answer is not None:
                try:
                    return asking.digest(answer)
                except ModelFailed as error:
                    log.warning("enrichment.model.failed", inbox_id=inbox_id, reason=str(error))
        return await self._run(lambda: summary.summarise(subject, turns))

    async def examine(
        self, inbox_id: int, letter: Letter, written: datetime, labels: Sequence[Label], *, wants_event: bool
    ) -> Findings:
        """What a message speaks of. What it tells machines goes before what anybody reads out of its words."""
        told = await self._run(lambda: _told(letter, written)) if wants_event else None
        endpoint = await self._available(inbox_id)
        if endpoint is not None and (labels or (wants_event and told is None)):
            given = asking.message(letter, labels, written)
            answer = await self._ask(inbox_id, endpoint, asking.MESSAGE_FORM, given, asking.MessageAnswer)
            if answer is not None:
                read = asking.event(answer, letter.people, written) if wants_event and told is None else told
                return Findings(read, asking.labels(answer, labels))
        if wants_event and told is None:
            told = await self._run(lambda: meeting.read(letter.subject, letter.text, letter.people, written))
        return Findings(told)

    async def _available(self, inbox_id: int) -> Endpoint | None:
        endpoint = await self._endpoints.endpoint(inbox_id)
        if endpoint is None or self._resting.get(_name(inbox_id, endpoint), 0) > self._clock():
            return None
        return endpoint

    async def _ask(
        self, inbox_id: int, endpoint: Endpoint, form: str, given: dict[str, object], shape: type[Shape]
    ) -> Shape | None:
        try:
            return await self._model.ask(endpoint, form, given, shape)
        except ModelFailed as error:
            log.warning("enrichment.model.failed", inbox_id=inbox_id, reason=str(error))
            if len(self._resting) >= MOST_RESTING:
                self._resting.clear()
            self._resting[_name(inbox_id, endpoint)] = self._clock() + REST_MS
            return None

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _name(inbox_id: int, endpoint: Endpoint) -> str:
    """One inbox's trouble with an endpoint is not another's: it may have another key."""
    return endpoint.url if endpoint.is_trusted else f"{inbox_id} {endpoint.url}"


def _told(letter: Letter, written: datetime) -> Occasion | None:
    """An invitation or a reservation that lies ahead."""
    now = int(written.timestamp() * 1000)
    for text in letter.calendars:
        found = invitation.read(text, written.tzinfo)
        if found is not None and found.end_at > now:
            return found
    found = reservations.read(letter.html, written.tzinfo) if letter.html else None
    return found if found is not None and found.end_at > now else None
