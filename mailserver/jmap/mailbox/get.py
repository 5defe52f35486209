"""Mailbox/get (RFC 8621 2.1)."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.jmap import standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.mailbox import objects
from mailserver.services.syncing.changes import Type


async def get(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Folders by their ids, or all of them."""
    inbox = await call.account(arguments)
    ids = standard.wanted(call, arguments)
    properties = arguments.properties(objects.PROPERTIES)
    arguments.finish()
    state = await call.services.syncing.changes.state(call.caller, inbox, Type.MAILBOX)
    every = [objects.mailbox(each, call.caller) for each in await call.services.syncing.mailboxes.all_of(
        call.caller, inbox
    )]  # fmt: skip
    chosen = every if ids is None else [each for each in every if each["id"] in set(ids)]
    found = [standard.only(each, properties) for each in chosen]
    return standard.got(identifiers.encode(Kind.INBOX, inbox.id), state, found, ids)
