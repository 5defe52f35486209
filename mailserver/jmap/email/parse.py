"""Email/parse: a blob as if it were a message (RFC 8621 4.9)."""

import asyncio
from typing import Any

from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.email import content, get, properties
from mailserver.jmap.email.properties import Wish
from mailserver.jmap.email.values import Room
from mailserver.services.syncing import email_setting

_OF_STORED = ("id", "mailboxIds", "keywords", "receivedAt", "threadId")  # a blob has none of them


async def parse(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Messages that lie in blobs, such as attached ones."""
    inbox = await call.account(arguments)
    ids = arguments.ids("blobIds")
    wish = properties.read(arguments, properties.PARSED)
    arguments.finish()
    if ids is None:
        raise errors.invalid("blobIds must be a list of ids.", "blobIds")
    if len(ids) > call.limits.objects_in_get:
        raise errors.MethodRefused("requestTooLarge", f"At most {call.limits.objects_in_get:,} ids.")
    parsed: dict[str, Any] = {}
    not_parsable: list[str] = []
    not_found: list[str] = []
    room = Room(get.MOST_TEXT)
    for text in dict.fromkeys(ids):
        try:
            raw = await call.blob(inbox, text)
        except standard.NotFound:
            not_found.append(text)
            continue
        if not email_setting.looks_like_mail(raw):
            not_parsable.append(text)
            continue
        parsed[text] = await asyncio.to_thread(_shown, raw, call.meant(text), wish, room)
    return {
        "accountId": standard.account_id(inbox),
        "parsed": parsed or None,
        "notParsable": not_parsable or None,
        "notFound": not_found or None,
    }


def _shown(raw: bytes, blob_id: str, wish: Wish, room: Room) -> dict[str, Any]:
    found = content.show(raw, blob_id, wish, room)
    if {"hasAttachment", "preview"} & set(wish.properties):
        found |= {name: value for name, value in content.summary(raw).items() if name in wish.properties}
    known = {**dict.fromkeys(_OF_STORED), "blobId": blob_id, "size": len(raw)}
    return {**{name: value for name, value in known.items() if name in wish.properties}, **found}
