"""Allow and block lists: kept, and asked before anything looks at content."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mailserver.entities import errors, rule
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.entities.rule import NO_RULING, Direction, ListType, Rule, RuleScope, RuleSet, Ruling
from mailserver.mail import address as addresses
from mailserver.mail.address import Address
from mailserver.storage import inboxes, pods, rules
from mailserver.storage.database import Database, Snapshot, Transaction

FRESH_SECONDS = 10.0  # after which other nodes' changes are seen at the latest
MOST_TENANTS = 1_000  # whose rules are held in memory
MOST_ADDRESSES = 100  # of one message that are looked at

_Book = Mapping[tuple[RuleScope, Direction], RuleSet]
_EMPTY = RuleSet(())


@dataclass(frozen=True, slots=True)
class _Cached:
    book: _Book
    until: float


class Rules:
    """Every tenant's lists. Call `forget` when the topic `rules` rings."""

    def __init__(self, database: Database, ids: IdSource, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock
        self._cache: OrderedDict[int, _Cached] = OrderedDict()
        self._generation = 0

    def forget(self) -> None:
        """Read the lists again at the next question."""
        self._cache.clear()
        self._generation += 1

    # -- deciding -----------------------------------------------------------------------------------------------

    async def for_mail_in(
        self,
        inbox_ids: Sequence[tuple[int, int]],
        sender: Address | None,
        authors: Sequence[str],
        answered: frozenset[int] = frozenset(),
    ) -> dict[int, Ruling]:
        """What each inbox, given with its tenant, has to say of a message.

        `answered` are the inboxes whose threads the message continues: they ask their reply lists alone, the others
        their receive lists.
        One address of the message is enough to block it; to allow it, every author has to be named.
        """
        written = [normal for text in authors[:MOST_ADDRESSES] if (normal := _normal(text))]
        every = list(dict.fromkeys([*written, *([sender.normal] if sender else [])]))
        claimed = list(dict.fromkeys(written)) or every
        answers = {}
        for inbox_id, tenant_id in inbox_ids:
            book = await self._book(tenant_id)
            if not book or not every:
                answers[inbox_id] = NO_RULING
                continue
            direction = Direction.REPLY if inbox_id in answered else Direction.RECEIVE
            scopes = await self._scopes(book, tenant_id, inbox_id)
            answers[inbox_id] = rule.decide([book.get((scope, direction), _EMPTY) for scope in scopes], every, claimed)
        return answers

    async def concerns(self, tenant_ids: Iterable[int]) -> bool:
        """Whether any of these tenants has a list at all."""
        return any([bool(await self._book(tenant_id)) for tenant_id in dict.fromkeys(tenant_ids)])

    def is_silent(self, tenant_ids: Iterable[int]) -> bool:
        """Whether memory knows that none of these tenants has a list."""
        now = self._clock()
        cached = [self._cache.get(tenant_id) for tenant_id in tenant_ids]
        return all(each is not None and now < each.until and not each.book for each in cached)

    async def for_mail_out(self, tenant_id: int, inbox_id: int, recipients: Sequence[Address]) -> dict[Address, Ruling]:
        """What the send lists say of each recipient, of answers too: a copy of one may go to anybody."""
        book = await self._book(tenant_id)
        scopes = await self._scopes(book, tenant_id, inbox_id)
        found = [book.get((scope, Direction.SEND), _EMPTY) for scope in scopes]
        return {one: rule.decide(found, [one.normal], [one.normal]) for one in recipients}

    async def _scopes(self, book: _Book, tenant_id: int, inbox_id: int) -> list[RuleScope]:
        """Where rules for an inbox may stand, the most specific first; its pod is asked for where pods have rules."""
        scopes = [RuleScope(tenant_id, 0, inbox_id), RuleScope(tenant_id)]
        if any(scope.pod_id for scope, _ in book):
            pod_id = await self._database.read(pods.of_inbox, inbox_id)
            scopes[1:1] = [RuleScope(tenant_id, pod_id)] if pod_id else []
        return scopes

    async def _book(self, tenant_id: int) -> _Book:
        cached = self._cache.get(tenant_id)
        if cached is not None and self._clock() < cached.until:
            self._cache.move_to_end(tenant_id)
            return cached.book
        generation = self._generation
        book = await self._database.read(_read_book, tenant_id)
        if generation == self._generation:  # what was read before a change is not kept after it
            self._cache[tenant_id] = _Cached(book, self._clock() + FRESH_SECONDS)
            while len(self._cache) > MOST_TENANTS:
                self._cache.popitem(last=False)
        return book

    # -- keeping ------------------------------------------------------------------------------------------------

    async def add(
        self, caller: Caller, inbox: Inbox | None, direction: Direction, list_type: ListType, entry: str,
        reason: str | None = None,
    ) -> Rule:  # fmt: skip
        """Put an address or a domain on a list; without an inbox, on the tenant's, or on that of the caller's pod.

        Invalid for what is neither.
        """
        normal, entry_type = _entry(entry)
        if reason is not None and len(reason) > rule.LONGEST_REASON:
            raise errors.Invalid("The reason is too long.", reason=f"At most {rule.LONGEST_REASON} characters.")
        scope = _scope(caller, inbox)
        now = int(time.time() * 1000)
        new = Rule(self._ids.next(), scope, direction, list_type, normal, entry_type, reason, now)
        added = await self._database.write(_add, new)
        self.forget()
        return added

    async def replace(
        self,
        caller: Caller,
        inbox: Inbox,
        lists: Mapping[Direction, tuple[ListType | None, Sequence[str]]],
        also: Callable[[Transaction], None],
    ) -> None:
        """Put other entries in the place of all that an inbox's lists have, at once; `also` is done with it.

        A direction has one kind of list, or none.
        """
        scope, now, made = _scope(caller, inbox), int(time.time() * 1000), []
        for direction, (list_type, entries) in lists.items():
            if list_type is not None:
                for normal, entry_type in sorted({_entry(text) for text in entries}):
                    made.append(Rule(self._ids.next(), scope, direction, list_type, normal, entry_type, None, now))

        def change(tx: Transaction) -> None:
            for direction in lists:
                rules.clear(tx, scope, direction)
            for new in made:
                _add(tx, new)
            also(tx)

        await self._database.write(change)
        self.forget()

    async def page(
        self, caller: Caller, inbox: Inbox | None, direction: Direction, list_type: ListType, after: str = "",
        limit: int = 100,
    ) -> list[Rule]:  # fmt: skip
        """The entries of a list in the order of their text, behind `after`."""
        return await self._database.read(rules.page, _scope(caller, inbox), direction, list_type, after, limit)

    async def get(
        self, caller: Caller, inbox: Inbox | None, direction: Direction, list_type: ListType, entry: str
    ) -> Rule:
        """One entry; NotFound where it is not on the list."""
        normal, _ = _entry(entry)
        found = await self._database.read(rules.get, _scope(caller, inbox), direction, list_type, normal)
        if found is None:
            raise errors.NotFound("There is no such entry.")
        return found

    async def remove(
        self, caller: Caller, inbox: Inbox | None, direction: Direction, list_type: ListType, entry: str
    ) -> None:
        """Take an entry off a list; NotFound where it is not on it."""
        normal, _ = _entry(entry)
        scope = _scope(caller, inbox)
        is_gone = await self._database.write(rules.remove, scope, direction, list_type, normal)
        self.forget()
        if not is_gone:
            raise errors.NotFound("There is no such entry.")


def _scope(caller: Caller, inbox: Inbox | None) -> RuleScope:
    """Where a caller means a list to hold. Somebody else's inbox is not there; a tenant or pod needs its own key."""
    if inbox is None:
        if caller.inbox_id is not None:
            raise errors.Forbidden("These credentials are bound to one inbox.")
        return RuleScope(caller.tenant_id, caller.pod_id or 0)
    if not caller.sees(inbox):
        raise errors.NotFound("There is no such inbox.")
    return RuleScope(caller.tenant_id, 0, inbox.id)


def _entry(text: str) -> tuple[str, rule.EntryType]:
    try:
        return rule.read_entry(text)
    except rule.BadEntry as error:
        raise errors.Invalid("The entry is neither an address nor a domain.", entry=str(error)) from error


def _add(tx: Transaction, new: Rule) -> Rule:
    if new.scope.inbox_id:
        found = inboxes.get(tx, new.scope.inbox_id)
        if found is None or found.tenant_id != new.scope.tenant_id:
            raise errors.NotFound("There is no such inbox.")
    if new.scope.pod_id and pods.get(tx, new.scope.pod_id) is None:
        raise errors.NotFound("There is no such pod.")
    if rules.count(tx, new.scope.tenant_id) >= rules.MOST and not rules.get(
        tx, new.scope, new.direction, new.list_type, new.entry
    ):
        raise errors.Conflict(f"There are {rules.MOST:,} entries already; remove some first.")
    return rules.add(tx, new)


def _read_book(snapshot: Snapshot, tenant_id: int) -> _Book:
    sorted_out: dict[tuple[RuleScope, Direction], list[Rule]] = {}
    for each in rules.of_tenant(snapshot, tenant_id):
        sorted_out.setdefault((each.scope, each.direction), []).append(each)
    return {key: RuleSet(some) for key, some in sorted_out.items()}


def _normal(text: str) -> str | None:
    try:
        return addresses.parse(text).normal
    except addresses.AddressError:
        return None
