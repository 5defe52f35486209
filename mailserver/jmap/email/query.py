"""Email/query and Email/queryChanges (RFC 8621 4.4, 4.5)."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.jmap import errors, standard, windows
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.email import query_filter
from mailserver.services.syncing import queries
from mailserver.services.syncing.changes import Unknown
from mailserver.services.syncing.queries import Asked


async def query(call: Call, arguments: Arguments) -> dict[str, Any]:
    """The ids of the messages that a filter lets through, in an order."""
    inbox = await call.account(arguments)
    wanted = query_filter.read(call, arguments)
    window = windows.read(arguments)
    wants_total = arguments.boolean("calculateTotal")
    arguments.finish()
    anchor = None
    if window.anchor is not None:
        anchor = standard.number_of(Kind.MESSAGE, call.meant(window.anchor))
        if anchor is None:
            raise errors.MethodRefused("anchorNotFound")
    asked = Asked(window.position, anchor, window.anchor_offset, window.limit, wants_total)
    try:
        found = await call.services.syncing.queries.find(call.caller, inbox, wanted, asked)
    except queries.AnchorNotFound as error:
        raise errors.MethodRefused("anchorNotFound") from error
    except queries.NotNarrow as error:
        raise errors.MethodRefused("unsupportedFilter", error.message) from error
    answer = {
        "accountId": standard.account_id(inbox),
        "queryState": found.state,
        "canCalculateChanges": wanted.can_tell_changes,
        "position": found.position,
        "ids": [identifiers.encode(Kind.MESSAGE, each) for each in found.ids],
    }
    if wants_total:
        answer["total"] = found.total
    if window.is_bounded:
        answer["limit"] = window.limit
    return answer


async def query_changes(call: Call, arguments: Arguments) -> dict[str, Any]:
    """How a result has changed since it was asked for."""
    inbox = await call.account(arguments)
    wanted = query_filter.read(call, arguments)
    since, most = arguments.state("sinceQueryState"), arguments.positive("maxChanges")
    wants_total = arguments.boolean("calculateTotal")
    arguments.string("upToId")  # what lies behind it is told too: mailboxes and keywords may change everywhere
    arguments.finish()
    try:
        delta = await call.services.syncing.queries.changes(
            call.caller, inbox, wanted, since, most, wants_total=wants_total
        )
    except Unknown as error:
        raise errors.MethodRefused("cannotCalculateChanges", "Ask Email/query again.") from error
    except queries.TooManyChanges as error:
        raise errors.MethodRefused("tooManyChanges", error.message) from error
    answer = {
        "accountId": standard.account_id(inbox),
        "oldQueryState": since,
        "newQueryState": delta.new_state,
        "removed": [identifiers.encode(Kind.MESSAGE, each) for each in delta.removed],
        "added": [{"id": identifiers.encode(Kind.MESSAGE, each), "index": index} for index, each in delta.added],
    }
    return {**answer, "total": delta.total} if wants_total else answer
