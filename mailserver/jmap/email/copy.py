"""Email/copy: a message of one account into another (RFC 8621 4.7)."""

from typing import Any

from mailserver.entities import keyword
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.email import objects, patch
from mailserver.jmap.email import set as email_set
from mailserver.jmap.standard import Creations, Object
from mailserver.services.syncing.changes import Type

_PROPERTIES = frozenset({"id", "mailboxIds", "keywords", "receivedAt"})


async def copy(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Copy messages; with `onSuccessDestroyOriginal` they are gone where they came from."""
    inbox = await call.account(arguments)
    source = await _source(call, arguments, inbox)
    creations = Creations(call, arguments, "create", inbox)
    if_in_state = arguments.string("ifFromInState")
    destroys = arguments.boolean("onDestroyOriginal") or arguments.boolean("onSuccessDestroyOriginal")
    if_destroyed = arguments.string("destroyFromIfInState")
    arguments.finish()
    call.require_write()
    states = call.services.syncing.changes
    if if_in_state is not None and if_in_state != await states.state(call.caller, source, Type.EMAIL):
        raise errors.MethodRefused("stateMismatch")
    old_state = await states.state(call.caller, inbox, Type.EMAIL)
    creations.check(old_state)

    async def create(given: Object) -> Object:
        return await _copy(call, source, inbox, given)

    await creations.run(create)
    answer = creations.answer(old_state, await states.state(call.caller, inbox, Type.EMAIL))
    if destroys and creations.created:
        gone = [call.meant(creations.create[each]["id"]) for each in creations.created]
        given = {"accountId": standard.account_id(source), "destroy": gone, "ifInState": if_destroyed}
        call.further.append(await call.implied("Email/set", given))
    return {"fromAccountId": standard.account_id(source), **answer}


async def _source(call: Call, arguments: Arguments, inbox: Inbox) -> Inbox:
    text = arguments.id("fromAccountId")
    try:
        source = await call.inbox(text)
    except errors.MethodRefused as error:
        raise errors.MethodRefused("fromAccountNotFound") from error
    if source.id == inbox.id:
        raise errors.invalid("A message is copied from another account.", "fromAccountId")
    return source


async def _copy(call: Call, source: Inbox, inbox: Inbox, given: Object) -> Object:
    unknown = [name for name in given if name not in _PROPERTIES]
    if unknown:
        raise errors.SetRefused("invalidProperties", "Only these may be other than they were.", unknown)
    text = given.get("id")
    number = standard.number(Kind.MESSAGE, call.meant(text) if isinstance(text, str) else "")
    emails = await call.services.syncing.emails.get(call.caller, source, [number])
    if number not in emails:
        raise standard.not_found()
    email = emails[number]
    kept = dict.fromkeys(keyword.written(email.flags, email.labels), True)
    wanted = patch.arrangement(call, {"keywords": kept, **given})
    received_at = email.received_at if given.get("receivedAt") is None else email_set.moment(given["receivedAt"])
    raw = await call.services.syncing.blobs.read(call.caller, source, email.blob)
    service = call.services.syncing.email_setting
    return objects.created(await service.store(call.caller, inbox, service.new_id(), raw, wanted, received_at))
