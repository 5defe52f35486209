"""Queries of mail: what is found, where a window of it begins, and how it has changed (RFC 8620 5.5, 5.6)."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Concatenate, ParamSpec, TypeVar

from mailserver.entities import email_query, errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.email_query import Condition, Field, Query
from mailserver.entities.inbox import Inbox
from mailserver.mail import headers
from mailserver.services.syncing import changes as states
from mailserver.services.syncing.changes import Type, Unknown
from mailserver.storage import changes, emails, files
from mailserver.storage import email_query as store
from mailserver.storage.database import Database, Snapshot, TookTooLong
from mailserver.storage.files import MessageFiles

MOST_TOUCHED = 5_000  # objects that changes of a query are told from; more, and the client asks anew
MOST_READ = 5_000  # headers that one query may read
MOST_HEADERS = 8  # conditions about header fields in one query
HEAD_BYTES = 64 << 10
QUERY_SECONDS = 2.0  # after that a query is given up: readers are few, and others wait for them
P = ParamSpec("P")
T = TypeVar("T")
Headers = dict[Condition, frozenset[int]]


class NotNarrow(errors.ServiceError):
    """Too many messages would have to be looked at for this; narrow the search."""


class TooManyChanges(errors.ServiceError):
    """There are more changes than the client wants to hear of."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of a result is wanted."""

    position: int
    anchor: int | None
    anchor_offset: int
    limit: int
    wants_total: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A part of a result."""

    state: str
    position: int
    ids: tuple[int, ...]
    total: int | None


class AnchorNotFound(errors.ServiceError):
    """The anchor is not among the results."""


@dataclass(frozen=True, slots=True)
class QueryDelta:
    """What a client has to do to the result that it has: take out, then put in at these places."""

    new_state: str
    removed: tuple[int, ...]
    added: tuple[tuple[int, int], ...]  # (index, message)
    total: int | None


class Queries:
    """Queries over the messages of an inbox, through the caller's eyes."""

    def __init__(self, database: Database, message_files: MessageFiles, executor: Executor) -> None:
        self._database = database
        self._files = message_files
        self._executor = executor

    async def find(self, caller: Caller, inbox: Inbox, query: Query, asked: Asked) -> Found:
        """A part of what a query finds."""
        caller.require(Scope.EMAIL_READ)
        found = await self._headers(inbox, query)
        return await self._read(_find, inbox, query, asked, found)

    async def matching(self, caller: Caller, inbox: Inbox, query: Query, ids: Sequence[int]) -> set[int]:
        """Those of some messages that a query finds."""
        caller.require(Scope.EMAIL_READ)
        found = await self._headers(inbox, query)

        def read(snapshot: Snapshot) -> set[int]:
            plain = replace(query, order=email_query.NEWEST_FIRST)
            chosen = store.statement(snapshot, inbox.id, inbox.tenant_id, plain, found, ids)
            return {row[0] for row in chosen.walk(snapshot)} if chosen else set()

        return await self._read(read)

    async def changes(
        self, caller: Caller, inbox: Inbox, query: Query, state: str, most: int | None, *, wants_total: bool
    ) -> QueryDelta:
        """How a result has changed since a state of the mail; Unknown where that cannot be told."""
        caller.require(Scope.EMAIL_READ)
        if not query.can_tell_changes:
            raise Unknown
        try:
            return await self._read(_changes, inbox, query, state, most, wants_total)
        except NotNarrow as error:
            raise Unknown from error

    async def _read(self, fn: Callable[Concatenate[Snapshot, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function reads, as long as it does not take for ever."""

        def run(snapshot: Snapshot) -> T:
            with snapshot.within(QUERY_SECONDS):
                return fn(snapshot, *args, **kwargs)

        try:
            return await self._database.read(run)
        except TookTooLong as error:
            raise NotNarrow from error

    # -- header fields, which only the files know -----------------------------------------------------------------

    async def _headers(self, inbox: Inbox, query: Query) -> Headers:
        asked = {each for each in email_query.conditions(query.filter) if each.field is Field.HEADER}
        if not asked:
            return {}
        if len(asked) > MOST_HEADERS:
            raise NotNarrow(f"At most {MOST_HEADERS} different conditions about header fields.")
        others = [each for each in email_query.required(query.filter) if each.field is not Field.HEADER]
        narrow = Query(email_query.Operator("AND", tuple(others)))

        def candidates(snapshot: Snapshot) -> list[int]:
            chosen = store.statement(snapshot, inbox.id, inbox.tenant_id, narrow, {})
            assert chosen is not None, "newest first is an order that it knows"
            return [row[0] for row in chosen.page(snapshot, 0, MOST_READ + 1)]

        ids = await self._read(candidates)
        if len(ids) > MOST_READ:
            raise NotNarrow
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._look, inbox.id, ids, asked)

    def _look(self, inbox_id: int, ids: Sequence[int], asked: AbstractSet[Condition]) -> Headers:
        found: dict[Condition, set[int]] = {each: set() for each in asked}
        ends_at = time.monotonic() + QUERY_SECONDS
        for number in ids:
            if time.monotonic() > ends_at:
                raise NotNarrow
            try:
                head, _ = headers.split(self._files.beginning(files.location(inbox_id, number), HEAD_BYTES))
            except FileNotFoundError:  # destroyed meanwhile
                continue
            for each in asked:
                name, text = each.value
                values = [headers.decode(value).casefold() for value in head.all(name)]
                if any(text is None or text.casefold() in value for value in values):
                    found[each].add(number)
        return {each: frozenset(some) for each, some in found.items()}


def _find(snapshot: Snapshot, inbox: Inbox, query: Query, asked: Asked, found: Headers) -> Found:
    state = str(changes.state(snapshot, inbox.id, changes.EMAIL))
    folder_id = store.folder_of(query)
    if folder_id is not None and asked.anchor is None:
        total = store.folder_total(snapshot, inbox.id, folder_id, collapses=query.collapses)
        position = _position(asked, total)
        ids: list[int] = []
        if position < total:
            rows = store.of_folder(folder_id, collapses=query.collapses).page(snapshot, position, asked.limit)
            ids = [row[0] for row in rows]
        return Found(state, position, tuple(ids), total if asked.wants_total else None)
    results = _results(snapshot, inbox, query, found)
    if asked.anchor is None and asked.position >= 0 and not asked.wants_total:
        shown = itertools.islice(results, asked.position, asked.position + asked.limit)
        return Found(state, asked.position, tuple(shown), None)
    every = list(results) if asked.wants_total else _as_far_as_needed(results, asked)
    position = _position(asked, len(every), every)
    chosen = every[position : position + asked.limit]
    return Found(state, position, tuple(chosen), len(every) if asked.wants_total else None)


def _as_far_as_needed(results: Iterator[int], asked: Asked) -> list[int]:
    """The results up to the end of the part around an anchor; all of them where the part is counted from the end."""
    every: list[int] = []
    for each in results:
        every.append(each)
        if each == asked.anchor:
            left = asked.anchor_offset + asked.limit - 1
            every += itertools.islice(results, max(0, left))
            break
    return every


def _position(asked: Asked, total: int, every: Sequence[int] = ()) -> int:
    if asked.anchor is not None:
        if asked.anchor not in every:
            raise AnchorNotFound
        return max(0, every.index(asked.anchor) + asked.anchor_offset)
    return asked.position if asked.position >= 0 else max(0, total + asked.position)


def _results(snapshot: Snapshot, inbox: Inbox, query: Query, found: Headers) -> Iterator[int]:
    """The whole result in its order, read as far as somebody reads it."""
    folder_id = store.folder_of(query)
    if folder_id is not None:
        if store.folder_total(snapshot, inbox.id, folder_id, collapses=False):
            yield from (row[0] for row in store.of_folder(folder_id, collapses=query.collapses).walk(snapshot))
        return
    chosen = store.statement(snapshot, inbox.id, inbox.tenant_id, query, found)
    rows = (
        chosen.walk(snapshot)
        if chosen is not None
        else iter(store.sorted_rows(snapshot, inbox.id, inbox.tenant_id, query, found))
    )
    seen: set[int] = set()
    for message_id, thread_id in rows:
        if query.collapses:
            if thread_id in seen:
                continue
            seen.add(thread_id)
        yield message_id


def _changes(
    snapshot: Snapshot,
    inbox: Inbox,
    query: Query,
    state: str,
    most: int | None,
    wants_total: bool,  # noqa: FBT001
) -> QueryDelta:
    begun = states.number(snapshot, inbox.id, Type.EMAIL, state)
    current = str(changes.state(snapshot, inbox.id, changes.EMAIL))
    touched = changes.since(snapshot, inbox.id, changes.EMAIL, begun, MOST_TOUCHED + 1)
    if len(touched) > MOST_TOUCHED:
        raise Unknown
    removed = {one.object_id for one in touched if one.created_modseq <= begun}
    wanted = {one.object_id for one in touched if not one.is_destroyed}
    if query.collapses:
        threads = store.touched_threads(snapshot, inbox.id, begun, MOST_TOUCHED + 1)
        if len(threads) > MOST_TOUCHED:
            raise Unknown
        wanted = {each for some in emails.of_threads(snapshot, inbox.id, threads).values() for each in some}
        removed |= wanted
    matching = _among(snapshot, inbox, query, sorted(wanted))
    added: list[tuple[int, int]] = []
    left = set(matching)
    total = 0
    # The walk ends behind the deepest of those that match; those of a thread that are not its first are never met.
    firsts = len({thread_id for _, thread_id in matching.items()}) if query.collapses else len(matching)
    folder_id = store.folder_of(query)
    walks = wants_total and folder_id is None
    for index, message_id in enumerate(_results(snapshot, inbox, query, {})):
        if len(added) == firsts and not walks:
            break
        total = index + 1
        if message_id in left:
            added.append((index, message_id))
    if folder_id is not None:
        total = store.folder_total(snapshot, inbox.id, folder_id, collapses=query.collapses)
    if most is not None and len(removed) + len(added) > most:
        raise TooManyChanges
    return QueryDelta(current, tuple(sorted(removed)), tuple(added), total if wants_total else None)


def _among(snapshot: Snapshot, inbox: Inbox, query: Query, ids: Sequence[int]) -> dict[int, int]:
    """Those of some messages that a query finds, with their threads."""
    found: dict[int, int] = {}
    plain = replace(query, order=email_query.NEWEST_FIRST)
    for start in range(0, len(ids), emails.AT_ONCE):
        some = ids[start : start + emails.AT_ONCE]
        chosen = store.statement(snapshot, inbox.id, inbox.tenant_id, plain, {}, some)
        assert chosen is not None, "newest first is an order that it knows"
        found |= dict(chosen.walk(snapshot))
    return found
