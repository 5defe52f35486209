"""Mailbox/set (RFC 8621 2.5)."""

from collections.abc import Iterable
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.folder import Folder
from mailserver.entities.identifiers import Kind
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.mailbox import objects
from mailserver.jmap.standard import Object, Setting
from mailserver.services.syncing import mailboxes
from mailserver.services.syncing.changes import Type
from mailserver.services.syncing.mailboxes import Place


async def set_(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Make, change and destroy folders."""
    inbox = await call.account(arguments)
    setting = Setting(call, arguments, inbox)
    with_mail = arguments.boolean("onDestroyRemoveEmails")
    arguments.finish()
    call.require_write()
    service, states = call.services.syncing.mailboxes, call.services.syncing.changes
    old_state = await states.state(call.caller, inbox, Type.MAILBOX)
    setting.check(old_state)

    async def create(given: Object) -> Object:
        try:
            made = await service.create(call.caller, inbox, objects.creation(call, given))
        except mailboxes.AlreadyExists as refusal:
            raise _exists(refusal) from refusal
        every = await service.all_of(call.caller, inbox)
        found = objects.mailbox(next(each for each in every if each.id == made), call.caller)
        return {name: value for name, value in found.items() if name not in given or given[name] != value}

    async def update(text: str, patch: Object) -> None:
        number = standard.number(Kind.FOLDER, text)

        def change(folder: Folder) -> Place:
            return objects.change(call, folder, patch)

        try:
            await service.change(call.caller, inbox, number, change)
        except mailboxes.AlreadyExists as refusal:
            raise _exists(refusal) from refusal

    async def destroy(text: str) -> None:
        try:
            await service.remove(call.caller, inbox, standard.number(Kind.FOLDER, text), with_mail=with_mail)
        except mailboxes.HasChild as refusal:
            raise errors.SetRefused("mailboxHasChild", refusal.message) from refusal
        except mailboxes.HasEmail as refusal:
            raise errors.SetRefused("mailboxHasEmail", refusal.message) from refusal

    setting.destroy = _inner_first(await service.all_of(call.caller, inbox), map(call.meant, setting.destroy))
    await setting.run(create, update, destroy)
    return setting.answer(old_state, await states.state(call.caller, inbox, Type.MAILBOX))


def _exists(refusal: mailboxes.AlreadyExists) -> errors.SetRefused:
    there = identifiers.encode(Kind.FOLDER, refusal.folder_id)
    return errors.SetRefused("alreadyExists", refusal.message, ("name",), existingId=there)


def _inner_first(every: list[Folder], ids: Iterable[str]) -> list[str]:
    """The folders to be destroyed, each before the one that it lies in."""
    parents = {each.id: each.parent_id for each in every}

    def depth(text: str) -> int:
        at, found = standard.number_of(Kind.FOLDER, text), 0
        while at is not None:
            at, found = parents.get(at), found + 1
        return found

    return sorted(ids, key=depth, reverse=True)
