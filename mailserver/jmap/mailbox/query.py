"""Mailbox/query and Mailbox/queryChanges (RFC 8621 2.3, 2.4)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.folder import Folder
from mailserver.entities.identifiers import Kind
from mailserver.jmap import errors, filters, standard, windows
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.services.syncing.changes import Type, Unknown

_CONDITIONS = frozenset({"parentId", "name", "role", "hasAnyRole", "isSubscribed"})
_SORTS: dict[str, Callable[[Folder], Any]] = {
    "name": lambda folder: folder.name.casefold(),
    "sortOrder": lambda folder: folder.sort_order,
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which folders are asked for, and in which order."""

    matches: Callable[[Folder], bool]
    sort: Sequence[windows.Comparator]
    sorts_as_tree: bool
    filters_as_tree: bool

    @property
    def depends_on_parents(self) -> bool:
        return self.sorts_as_tree or self.filters_as_tree

    def results(self, every: Sequence[Folder]) -> list[Folder]:
        """Those of all folders that are asked for, in their order."""
        chosen = _sorted([each for each in every if self.matches(each)], self.sort)
        if self.filters_as_tree:
            chosen = _with_parents(chosen)
        return _as_tree(chosen, _sorted(every, self.sort)) if self.sorts_as_tree else chosen


async def query(call: Call, arguments: Arguments) -> dict[str, Any]:
    """The ids of folders that a filter lets through, in an order."""
    inbox = await call.account(arguments)
    asked = _asked(arguments)
    window = windows.read(arguments)
    wants_total = arguments.boolean("calculateTotal")
    arguments.finish()
    state = await call.services.syncing.changes.state(call.caller, inbox, Type.MAILBOX)
    every = await call.services.syncing.mailboxes.all_of(call.caller, inbox)
    ids = [identifiers.encode(Kind.FOLDER, each.id) for each in asked.results(every)]
    answer = standard.queried(inbox, state, ids, window, wants_total=wants_total)
    return {**answer, "canCalculateChanges": True}


async def query_changes(call: Call, arguments: Arguments) -> dict[str, Any]:
    """How a result has changed since it was asked for.

    Everything that a filter or an order looks at may change, so each folder that was touched is taken out and put in
    again, with the folders inside it where the tree matters; nothing is where its counts alone are others.
    """
    inbox = await call.account(arguments)
    asked = _asked(arguments)
    since, most = arguments.state("sinceQueryState"), arguments.positive("maxChanges")
    wants_total = arguments.boolean("calculateTotal")
    arguments.string("upToId")  # what lies behind it is told too: every property of a folder may change
    arguments.finish()
    try:
        delta, every = await call.services.syncing.mailboxes.since(call.caller, inbox, since)
    except Unknown as error:
        raise errors.MethodRefused("cannotCalculateChanges", "Ask Mailbox/query again.") from error
    moved = set(delta.updated) if not delta.only_counts else set()
    if asked.depends_on_parents:
        moved = _with_children(moved, every)
    moved -= set(delta.created)
    shown = [each.id for each in asked.results(every)]
    removed = [*delta.destroyed, *sorted(moved)]
    fresh = moved | set(delta.created)
    added = [(index, folder_id) for index, folder_id in enumerate(shown) if folder_id in fresh]
    if most is not None and len(removed) + len(added) > most:
        raise errors.MethodRefused("tooManyChanges", "Ask Mailbox/query again.")
    answer = {
        "accountId": standard.account_id(inbox),
        "oldQueryState": since,
        "newQueryState": delta.new_state,
        "removed": [identifiers.encode(Kind.FOLDER, each) for each in removed],
        "added": [{"id": identifiers.encode(Kind.FOLDER, each), "index": index} for index, each in added],
    }
    return {**answer, "total": len(shown)} if wants_total else answer


def _asked(arguments: Arguments) -> _Asked:
    sort = windows.sorting(arguments, tuple(_SORTS))
    as_tree, filter_tree = arguments.boolean("sortAsTree"), arguments.boolean("filterAsTree")
    return _Asked(filters.read(arguments.value("filter"), _condition), sort, as_tree, filter_tree)


def _condition(given: Mapping[str, Any]) -> Callable[[Folder], bool]:
    """What a FilterCondition asks of a folder (RFC 8621 2.3)."""
    for name, value in given.items():
        if name not in _CONDITIONS:
            raise filters.unsupported(name)
        if name in ("hasAnyRole", "isSubscribed") and not isinstance(value, bool):
            raise errors.invalid(f"{name} must be true or false.", "filter")
        if name == "name" and not isinstance(value, str):
            raise errors.invalid("name must be a string.", "filter")
        if name in ("parentId", "role") and not (value is None or isinstance(value, str)):
            raise errors.invalid(f"{name} must be a string, or null.", "filter")

    def matches(folder: Folder) -> bool:
        parent = identifiers.encode(Kind.FOLDER, folder.parent_id) if folder.parent_id else None
        return (
            ("parentId" not in given or given["parentId"] == parent)
            and ("name" not in given or given["name"].casefold() in folder.name.casefold())
            and ("role" not in given or given["role"] == (folder.role.value if folder.role else None))
            and ("hasAnyRole" not in given or given["hasAnyRole"] == (folder.role is not None))
            and ("isSubscribed" not in given or given["isSubscribed"] == folder.is_subscribed)
        )

    return matches


def _sorted(every: Sequence[Folder], sort: Sequence[windows.Comparator]) -> list[Folder]:
    found = sorted(every, key=lambda folder: folder.id)
    for one in reversed(sort or (windows.Comparator("sortOrder"), windows.Comparator("name"))):
        found.sort(key=_SORTS[one.property], reverse=not one.is_ascending)
    return found


def _with_parents(chosen: Sequence[Folder]) -> list[Folder]:
    """Those alone whose ancestors are all among them."""
    there = {each.id: each for each in chosen}

    def is_whole(folder: Folder) -> bool:
        while folder.parent_id is not None:
            if folder.parent_id not in there:
                return False
            folder = there[folder.parent_id]
        return True

    return [each for each in chosen if is_whole(each)]


def _as_tree(chosen: Sequence[Folder], every: Sequence[Folder]) -> list[Folder]:
    """The same folders, each behind its parent."""
    children: dict[int | None, list[Folder]] = {}
    for each in every:
        children.setdefault(each.parent_id, []).append(each)
    order: dict[int, None] = {}
    stack = [*reversed(children.get(None, []))]
    while stack:
        each = stack.pop()
        order[each.id] = None
        stack += reversed(children.get(each.id, []))
    known = {each.id: each for each in chosen}
    return [known[folder_id] for folder_id in order if folder_id in known]


def _with_children(folder_ids: set[int], every: Sequence[Folder]) -> set[int]:
    """The same folders, and all that lie inside them, to any depth."""
    children: dict[int | None, list[int]] = {}
    for each in every:
        children.setdefault(each.parent_id, []).append(each.id)
    found: set[int] = set()
    stack = list(folder_ids)
    while stack:
        folder_id = stack.pop()
        if folder_id not in found:
            found.add(folder_id)
            stack += children.get(folder_id, [])
    return found
