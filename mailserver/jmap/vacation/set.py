"""VacationResponse/set (RFC 8621 8.2)."""

from typing import Any

from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.standard import Object, Setting
from mailserver.jmap.vacation import objects
from mailserver.services.syncing.changes import Type


async def set_(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Change it; there is one, and nobody makes or destroys another."""
    inbox = await call.account(arguments)
    setting = Setting(call, arguments, inbox)
    arguments.finish()
    call.require_write()
    absences, states = call.services.sieve.absences, call.services.syncing.changes
    old_state = await states.state(call.caller, inbox, Type.VACATION)
    setting.check(old_state)

    async def create(given: Object) -> Object:
        del given
        raise _singleton()

    async def update(text: str, patch: Object) -> Object | None:
        if text != objects.SINGLETON:
            raise standard.not_found()
        present = objects.shown(await absences.get(call.caller, inbox))
        wanted = standard.patched(present, patch)
        response = objects.read(wanted)
        await absences.put(call.caller, inbox, response)
        became = objects.shown(response)
        return {name: value for name, value in became.items() if value != wanted[name]} or None

    async def destroy(text: str) -> None:
        del text
        raise _singleton()

    await setting.run(create, update, destroy)
    return setting.answer(old_state, await states.state(call.caller, inbox, Type.VACATION))


def _singleton() -> errors.SetRefused:
    return errors.SetRefused("singleton", "There is one VacationResponse, and it stays.")
