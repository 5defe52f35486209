"""Identity/set (RFC 8621 6.3)."""

from typing import Any

from mailserver.entities.identifiers import Kind
from mailserver.entities.submission import Identity
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.identity import objects
from mailserver.jmap.standard import Object, Setting
from mailserver.services.syncing import identities
from mailserver.services.syncing.changes import Type


async def set_(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Make, change and destroy identities."""
    inbox = await call.account(arguments)
    setting = Setting(call, arguments, inbox)
    arguments.finish()
    call.require_write()
    service, states = call.services.syncing.identities, call.services.syncing.changes
    await service.all_of(call.caller, inbox)
    old_state = await states.state(call.caller, inbox, Type.IDENTITY)
    setting.check(old_state)

    async def create(given: Object) -> Object:
        try:
            made = objects.shown(await service.create(call.caller, inbox, objects.created(given)))
        except identities.ForbiddenFrom as error:
            raise errors.SetRefused("forbiddenFrom", error.message, ("email",)) from error
        return {name: value for name, value in made.items() if name not in given or given[name] != value}

    async def update(text: str, patch: Object) -> None:
        def change(identity: Identity) -> Identity:
            return objects.changed(identity, patch)

        await service.change(call.caller, inbox, standard.number(Kind.IDENTITY, text), change)

    async def destroy(text: str) -> None:
        await service.remove(call.caller, inbox, standard.number(Kind.IDENTITY, text))

    await setting.run(create, update, destroy)
    return setting.answer(old_state, await states.state(call.caller, inbox, Type.IDENTITY))
