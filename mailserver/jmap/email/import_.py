"""Email/import (RFC 8621 4.8)."""

from typing import Any

from mailserver.entities.inbox import Inbox
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments, is_id
from mailserver.jmap.call import Call
from mailserver.jmap.email import objects, patch
from mailserver.jmap.email import set as email_set
from mailserver.jmap.standard import Creations, Object
from mailserver.services.syncing import email_setting
from mailserver.services.syncing.changes import Type

_PROPERTIES = frozenset({"blobId", "mailboxIds", "keywords", "receivedAt"})


async def import_(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Store messages that lie in blobs."""
    inbox = await call.account(arguments)
    creations = Creations(call, arguments, "emails", inbox)
    arguments.finish()
    call.require_write()
    states = call.services.syncing.changes
    old_state = await states.state(call.caller, inbox, Type.EMAIL)
    creations.check(old_state)

    async def create(given: Object) -> Object:
        return await _import(call, inbox, given)

    await creations.run(create)
    return creations.answer(old_state, await states.state(call.caller, inbox, Type.EMAIL))


async def _import(call: Call, inbox: Inbox, given: Object) -> Object:
    unknown = [name for name in given if name not in _PROPERTIES]
    if unknown:
        raise errors.SetRefused("invalidProperties", "There are no such properties.", unknown)
    lacking = [name for name in ("blobId", "mailboxIds") if not given.get(name)]
    if lacking:
        raise errors.SetRefused("invalidProperties", "A message is in a blob, and lies in one mailbox.", lacking)
    wanted = patch.arrangement(call, given)
    received_at = email_set.moment(given.get("receivedAt"))
    if not is_id(given.get("blobId")):
        raise errors.invalid_property("blobId", "The id of a blob.")
    try:
        raw = await call.blob(inbox, given["blobId"])
    except standard.NotFound as error:
        raise errors.invalid_property("blobId", "There is no such blob.") from error
    if not email_setting.looks_like_mail(raw):
        raise errors.SetRefused("invalidEmail", "The blob does not begin with a header.")
    service = call.services.syncing.email_setting
    return objects.created(await service.store(call.caller, inbox, service.new_id(), raw, wanted, received_at))
