"""The whole story of a message from the rows that there are, and stored messages found and named, for the operator."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from mailserver.entities import errors, identifiers
from mailserver.entities.delivery import Job
from mailserver.entities.event import Event
from mailserver.entities.identifiers import BadIdentifier, Kind
from mailserver.entities.story import Found, Line, Sought, Story
from mailserver.mail import headers, threading
from mailserver.services.health import story_lines
from mailserver.storage import deliveries, files, lookups, traces, verdicts
from mailserver.storage.database import Database, Snapshot, TookTooLong
from mailserver.storage.files import MessageFiles
from mailserver.storage.traces import CopyRow, WebhookRow

SEARCH_SECONDS = 2.0  # for one question that no index answers alone
FIND_SECONDS = 5.0
HEAD_BYTES = 64 << 10  # of a file, for the field that says where it came from
MOST_TEXT = 1000
MOST_FOUND = 1000
_EVENTS = "The event log is too long to be looked through."
_WEBHOOKS = "The log of webhooks is too long to be looked through."
_AUDIT = "The audit log is too long to be looked through."
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Known:
    """What belongs to the story, as far as it is known."""

    message_ids: list[int] = field(default_factory=list)
    queued_ids: list[int] = field(default_factory=list)
    header_id: str | None = None
    copies: list[CopyRow] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    def ask(self, question: Callable[[], Answer], otherwise: Answer, gap: str) -> Answer:
        """The answer to a question that may take too long, which is then said."""
        try:
            return question()
        except TookTooLong:
            if gap not in self.gaps:
                self.gaps.append(gap)
            return otherwise


class Stories:
    """Reads them. One for the process."""

    def __init__(self, database: Database, message_files: MessageFiles, executor: Executor) -> None:
        self._database = database
        self._files = message_files
        self._executor = executor

    async def trace(self, text: str) -> Story:
        """What became of a message by an id of it: msg_…, que_…, dlv_… or its Message-ID. NotFound for nobody's."""
        known = await self._database.read(_trace, text.strip()[:MOST_TEXT])
        came = await asyncio.get_running_loop().run_in_executor(self._executor, self._came, known.copies)
        lines = sorted([*known.lines, *came], key=lambda line: line.at)
        queue_ids = dict.fromkeys(
            [identifiers.encode(Kind.MESSAGE, number) for number in known.message_ids]
            + [job.message.queue_id for job in known.jobs]
        )
        return Story(known.header_id, tuple(queue_ids), tuple(lines), tuple(known.gaps))

    async def find(self, sought: Sought) -> list[Found]:
        """Stored messages, the newest first; Invalid where that takes too long."""
        try:
            return await self._database.read(lookups.find, sought, FIND_SECONDS)
        except TookTooLong as error:
            raise errors.Invalid("That takes too long; name an inbox, a word, or a shorter time.") from error

    async def one(self, text: str) -> Found:
        """A stored message by its id or Message-ID; the first copy where there are several."""
        found = await self._database.read(_one, text.strip()[:MOST_TEXT])
        if found is None:
            raise errors.NotFound("No such message is stored; `mailserver message trace` may know what became of it.")
        return found

    def _came(self, copies: Sequence[CopyRow]) -> list[Line]:
        """Where each copy came from, by the field that this server has put before it."""
        found = []
        for copy in copies:
            try:
                with self._files.path(files.location(copy.inbox_id, copy.message_id)).open("rb") as file:
                    head = file.read(HEAD_BYTES)
            except FileNotFoundError:
                found.append(story_lines.missing(copy))
                continue
            fields, _ = headers.split(head)
            found.append(story_lines.stored(copy, fields.first("received")))
        return found


def _trace(snapshot: Snapshot, text: str) -> _Known:
    known = _beginning(snapshot, text)
    if known.message_ids:
        known.queued_ids += traces.queued_by_message(snapshot, known.message_ids)
    known.copies = traces.copies(snapshot, known.message_ids)
    _widen(snapshot, known)
    known.jobs = deliveries.jobs(snapshot, traces.deliveries_of(snapshot, list(dict.fromkeys(known.queued_ids))))
    if known.header_id is None and known.jobs:
        known.header_id = known.jobs[0].message.header_id
        _widen(snapshot, known)
    known.lines += story_lines.queued(known.jobs)
    for job in known.jobs:
        for delivery in job.deliveries:
            known.lines += story_lines.delivery(job.message, delivery, deliveries.attempts(snapshot, delivery.id))
    for copy in known.copies:
        verdict = verdicts.get(snapshot, copy.message_id)
        if verdict is not None:
            known.lines.append(story_lines.judged(copy, verdict))
    _tell_events(snapshot, known)
    if not known.lines and not known.copies:
        raise errors.NotFound("Nothing is known of such a message, or not any more.")
    _tell_gone(known)
    return known


def _beginning(snapshot: Snapshot, text: str) -> _Known:
    """What an id names."""
    for kind in (Kind.MESSAGE, Kind.QUEUED, Kind.DELIVERY):
        try:
            number = identifiers.decode(kind, text)
        except BadIdentifier:
            continue
        if kind is Kind.MESSAGE:
            return _Known(message_ids=[number])
        if kind is Kind.DELIVERY:
            job = deliveries.get(snapshot, number)
            if job is None:
                raise errors.NotFound("Nothing is known of such a delivery, or not any more.")
            number = job.message.id
        known = _Known(queued_ids=[number])
        rows = traces.deliveries_of(snapshot, [number])
        found = deliveries.get(snapshot, rows[0]) if rows else None
        if found is not None and found.message.message_id is not None:
            known.message_ids.append(found.message.message_id)
        return known
    if "@" not in text:
        raise errors.Invalid(f"{text!r} is neither an id (msg_…, que_…, dlv_…) nor a Message-ID.")
    return _Known(header_id=text if text.startswith("<") else f"<{text}>")


def _widen(snapshot: Snapshot, known: _Known) -> None:
    """Find the other copies of the Message-ID, and what was sent under it."""
    if known.header_id is None and known.copies:
        known.header_id = known.copies[0].header_id
    header_id = known.header_id
    if not header_id:
        return
    digest = threading.reference_hashes(header_id, None, ())[-1]
    others = [each for each in traces.by_header(snapshot, header_id, digest) if each not in known.message_ids]
    known.message_ids += others
    known.copies += traces.copies(snapshot, others)
    known.queued_ids += traces.queued_by_header(snapshot, header_id, digest)
    known.queued_ids = list(dict.fromkeys(known.queued_ids + traces.queued_by_message(snapshot, others)))


def _tell_events(snapshot: Snapshot, known: _Known) -> None:
    """What the event log says about each inbox's part, who was told of it, and what was done by the API."""
    since = min((identifiers.created_ms(each) for each in (*known.message_ids, *known.queued_ids)), default=0)
    numbers = [delivery.id for job in known.jobs for delivery in job.deliveries]
    places = _inboxes(snapshot, known)
    for tenant_id, inbox_id in places:
        told: list[Event] = known.ask(
            partial(traces.events_about, snapshot, inbox_id, since, known.message_ids, numbers, SEARCH_SECONDS),
            [], _EVENTS,
        )  # fmt: skip
        known.lines += [story_lines.event(event) for event in told]
        rows: list[WebhookRow] = known.ask(
            partial(traces.webhooks_told, snapshot, tenant_id, told, SEARCH_SECONDS), [], _WEBHOOKS
        )
        known.lines += [story_lines.webhook(row) for row in rows]
    names = [identifiers.encode(Kind.MESSAGE, number) for number in known.message_ids]
    for tenant in dict.fromkeys(tenant for tenant, _ in places) if names else ():
        asked = partial(traces.audited, snapshot, tenant, since, names, SEARCH_SECONDS)
        done: list[Any] = known.ask(asked, [], _AUDIT)
        known.lines += [story_lines.audited(*row) for row in done]


def _inboxes(snapshot: Snapshot, known: _Known) -> list[tuple[int, int]]:
    """The tenants and inboxes that the story is about, of messages that have gone too."""
    there = {copy.message_id: (copy.tenant_id, copy.inbox_id) for copy in known.copies}
    places = [*there.values(), *((job.message.tenant_id, job.message.inbox_id) for job in known.jobs)]
    for number in known.message_ids:
        if number not in there and not known.jobs:
            gone = known.ask(partial(traces.inbox_of, snapshot, number, SEARCH_SECONDS), None, _EVENTS)
            places += [gone] if gone else []
    return list(dict.fromkeys(places))


def _tell_gone(known: _Known) -> None:
    there = {copy.message_id for copy in known.copies}
    for number in known.message_ids:
        if number not in there:
            known.gaps.append(f"{identifiers.encode(Kind.MESSAGE, number)} is not stored any more: it was deleted.")


def _one(snapshot: Snapshot, text: str) -> Found | None:
    try:
        return lookups.get(snapshot, identifiers.decode(Kind.MESSAGE, text))
    except BadIdentifier:
        header_id = text if text.startswith("<") else f"<{text}>"
    found = lookups.find(snapshot, Sought(header_id=header_id, limit=MOST_FOUND), FIND_SECONDS)
    return found[-1] if found else None
