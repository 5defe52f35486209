"""Email/get (RFC 8621 4.2)."""

from collections.abc import Mapping
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.email import Email
from mailserver.entities.identifiers import Kind
from mailserver.jmap import blobs, errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.email import content, objects, properties
from mailserver.jmap.email.values import Room
from mailserver.services.syncing.changes import Type

MOST_TEXT = 32 << 20  # octets of body values in one answer; what is behind is cut


async def get(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Messages by their ids, with what is asked for of each."""
    inbox = await call.account(arguments)
    ids = standard.wanted(call, arguments)
    wish = properties.read(arguments)
    arguments.finish()
    if ids is None:
        raise errors.MethodRefused("requestTooLarge", "There may be very many messages; name their ids.")
    state = await call.services.syncing.changes.state(call.caller, inbox, Type.EMAIL)
    service = call.services.syncing.emails
    known = standard.numbers(Kind.MESSAGE, ids)
    emails = await service.get(call.caller, inbox, list(known.values()))
    from_files: Mapping[int, dict[str, Any]] = {}
    if wish.needs_file:
        room = Room(MOST_TEXT)

        def examine(email: Email, raw: bytes) -> dict[str, Any]:
            return content.show(raw, blobs.of(email.blob), wish, room)

        from_files = await service.examine(list(emails.values()), examine)
    found = [
        objects.shown(emails[number], wish, from_files.get(number, {}))
        for number in known.values()
        if number in emails and (number in from_files or not wish.needs_file)
    ]
    return standard.got(identifiers.encode(Kind.INBOX, inbox.id), state, found, ids)
