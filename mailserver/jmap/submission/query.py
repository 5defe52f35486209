"""EmailSubmission/query and EmailSubmission/queryChanges (RFC 8621 7.3, 7.4)."""

from collections.abc import Callable, Mapping
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.submission import Submitted
from mailserver.jmap import errors, filters, standard, windows
from mailserver.jmap.arguments import Arguments, utc_ms
from mailserver.jmap.call import Call
from mailserver.services.syncing.changes import Type

_IDS: dict[str, tuple[Kind, Callable[[Submitted], int]]] = {
    "identityIds": (Kind.IDENTITY, lambda one: one.submission.identity_id),
    "emailIds": (Kind.MESSAGE, lambda one: one.submission.email_id),
    "threadIds": (Kind.THREAD, lambda one: one.submission.thread_id),
}
_SORTS: dict[str, Callable[[Submitted], int]] = {
    "emailId": lambda one: one.submission.email_id,
    "threadId": lambda one: one.submission.thread_id,
    "sentAt": lambda one: one.submission.send_at,
    "sendAt": lambda one: one.submission.send_at,
}


async def query(call: Call, arguments: Arguments) -> dict[str, Any]:
    """The ids of submissions that a filter lets through, in an order."""
    inbox = await call.account(arguments)
    matches = filters.read(arguments.value("filter"), _condition)
    sort = windows.sorting(arguments, tuple(_SORTS))
    window = windows.read(arguments)
    wants_total = arguments.boolean("calculateTotal")
    arguments.finish()
    every = await call.services.syncing.submissions.get(call.caller, inbox, None)
    state = await call.services.syncing.changes.state(call.caller, inbox, Type.SUBMISSION)
    chosen = [each for each in every if matches(each)]
    for one in reversed(sort):
        chosen.sort(key=_SORTS[one.property], reverse=not one.is_ascending)
    ids = [identifiers.encode(Kind.SUBMISSION, each.submission.id) for each in chosen]
    return standard.queried(inbox, state, ids, window, wants_total=wants_total)


async def query_changes(call: Call, arguments: Arguments) -> dict[str, Any]:
    """There are few at a time: a client asks for all of them again."""
    await call.account(arguments)
    raise errors.MethodRefused("cannotCalculateChanges", "Ask EmailSubmission/query again.")


def _condition(given: Mapping[str, Any]) -> Callable[[Submitted], bool]:
    checks = [_check(name, value) for name, value in given.items()]
    return lambda one: all(check(one) for check in checks)


def _check(name: str, value: Any) -> Callable[[Submitted], bool]:
    if name in _IDS:
        kind, number = _IDS[name]
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise errors.invalid(f"{name} must be a list of ids.", "filter")
        wanted = set(standard.numbers(kind, value).values())
        return lambda one: number(one) in wanted
    if name == "undoStatus":
        return lambda one: one.status.value == value
    if name in ("before", "after"):
        at = utc_ms(value)
        if at is None:
            raise errors.invalid(f"{name} must be a date in UTC.", "filter")
        return lambda one: (one.submission.send_at < at) == (name == "before")
    raise filters.unsupported(name)
