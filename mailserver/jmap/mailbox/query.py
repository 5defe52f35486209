"""Mailbox/query and Mailbox/queryChanges (RFC 8621 2.3, 2.4)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.folder import Folder
from mailserver.entities.identifiers import Kind
from mailserver.jmap import errors, filters, standard, windows
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.services.syncing.changes import Type

_CONDITIONS = frozenset({"parentId", "name", "role", "hasAnyRole", "isSubscribed"})
_SORTS: dict[str, Callable[[Folder], Any]] = {
    "name": lambda folder: folder.name.casefold(),
    "sortOrder": lambda folder: folder.sort_order,
}


async def query(call: Call, arguments: Arguments) -> dict[str, Any]:
    """The ids of folders that a filter lets through, in an order."""
    inbox = await call.account(arguments)
    given = arguments.value("filter")
    sort = windows.sorting(arguments, tuple(_SORTS))
    as_tree, filter_tree = arguments.boolean("sortAsTree"), arguments.boolean("filterAsTree")
    window = windows.read(arguments)
    wants_total = arguments.boolean("calculateTotal")
    arguments.finish()
    matches = filters.read(given, _condition)
    state = await call.services.syncing.changes.state(call.caller, inbox, Type.MAILBOX)
    every = await call.services.syncing.mailboxes.all_of(call.caller, inbox)
    chosen = _sorted([each for each in every if matches(each)], sort)
    if filter_tree:
        chosen = _with_parents(chosen)
    if as_tree:
        chosen = _as_tree(chosen, _sorted(every, sort))
    ids = [identifiers.encode(Kind.FOLDER, each.id) for each in chosen]
    return standard.queried(inbox, state, ids, window, wants_total=wants_total)


async def query_changes(call: Call, arguments: Arguments) -> dict[str, Any]:
    """An inbox has few folders: a client asks for all of them again."""
    await call.account(arguments)
    raise errors.MethodRefused("cannotCalculateChanges", "Ask Mailbox/query again.")


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
