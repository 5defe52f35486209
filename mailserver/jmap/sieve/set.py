"""SieveScript/set: scripts are kept, changed and destroyed, and one of them is let run (RFC 9661 2.4)."""

from collections.abc import Awaitable
from typing import Any

from mailserver.entities import errors as refusals
from mailserver.entities.inbox import Inbox
from mailserver.entities.sieve import SieveScript
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.sieve import objects
from mailserver.jmap.standard import Object, Setting
from mailserver.services.syncing.changes import Type


async def set_(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Where all of it went well, the script that the client names becomes the active one, or none is."""
    inbox = await call.account(arguments)
    setting = Setting(call, arguments, inbox)
    activates = arguments.string("onSuccessActivateScript")
    deactivates = arguments.boolean("onSuccessDeactivateScript")
    arguments.finish()
    call.require_write()
    scripts, states = call.services.sieve.scripts, call.services.syncing.changes
    old_state = await states.state(call.caller, inbox, Type.SIEVE_SCRIPT)
    setting.check(old_state)

    async def create(given: Object) -> Object:
        name, octets = await _read(call, inbox, given)
        if octets is None:
            raise errors.invalid_property("blobId", "A script needs one.")
        made = await _kept(call, inbox, name, scripts.create(call.caller, inbox, name, octets))
        return {key: value for key, value in made.items() if key not in given or given[key] != value}

    async def update(text: str, patch: Object) -> Object | None:
        present = (await _every(call, inbox)).get(text)
        if present is None:
            raise standard.not_found()
        changed = {key: value for key, value in patch.items() if present.get(key, patch) != value}
        name, octets = await _read(call, inbox, changed)
        if "name" in changed and name is None:
            raise errors.invalid_property("name", "A script keeps a name.")
        work = scripts.update(call.caller, inbox, text, name=name, octets=octets)
        became = await _kept(call, inbox, name, work)
        return {key: value for key, value in became.items() if key in patch and patch[key] != value} or None

    async def destroy(text: str) -> None:
        try:
            await scripts.destroy(call.caller, inbox, text)
        except refusals.Conflict as error:
            raise errors.SetRefused("sieveIsActive", error.message) from error

    await setting.run(create, update, destroy)
    if not (setting.not_created or setting.not_updated or setting.not_destroyed):
        await _switch(call, inbox, setting, call.meant(activates or ""), deactivates=deactivates)
    return setting.answer(old_state, await states.state(call.caller, inbox, Type.SIEVE_SCRIPT))


async def _read(call: Call, inbox: Inbox, given: Object) -> tuple[str | None, bytes | None]:
    """The name and content that a client gives."""
    unknown = [key for key in given if key not in ("name", "blobId")]
    if unknown:
        raise errors.SetRefused("invalidProperties", "The server says these itself, or knows them not.", unknown)
    name, blob_id = given.get("name"), given.get("blobId")
    if not isinstance(name, str | None):
        raise errors.invalid_property("name", "A string, or null.")
    if "blobId" not in given:
        return name, None
    if not isinstance(blob_id, str):
        raise errors.invalid_property("blobId", "The id of a blob.")
    try:
        return name, await call.blob(inbox, blob_id)
    except refusals.NotFound as error:
        raise errors.SetRefused("blobNotFound", error.message, notFound=[blob_id]) from error


async def _every(call: Call, inbox: Inbox) -> dict[str, Object]:
    found = [objects.shown(each) for each in await call.services.sieve.scripts.all_of(call.caller, inbox)]
    return {each["id"]: each for each in found}


async def _switch(call: Call, inbox: Inbox, setting: Setting, activates: str, *, deactivates: bool) -> None:
    """Let another script run. An id that names none is as if it were not there."""
    before = await _every(call, inbox)
    chosen = activates if activates in before else None
    if chosen is None and not deactivates:
        return
    try:
        await call.services.sieve.scripts.activate(call.caller, inbox, chosen)
    except refusals.ServiceError as refusal:  # what was kept stays kept: only the switch is refused
        setting.not_updated[chosen or activates] = standard.refused(refusal)
        return
    creations = {made["id"]: made for made in setting.created.values()}
    for script_id, script in (await _every(call, inbox)).items():
        if script_id in creations:
            creations[script_id]["isActive"] = script["isActive"]
        elif script["isActive"] != before.get(script_id, script)["isActive"]:
            setting.updated[script_id] = {**(setting.updated.get(script_id) or {}), "isActive": script["isActive"]}


async def _kept(call: Call, inbox: Inbox, name: str | None, work: Awaitable[SieveScript]) -> Object:
    """What was kept; refusals by the names that the standard has for them."""
    try:
        return objects.shown(await work)
    except refusals.BadScript as error:
        raise errors.SetRefused("invalidSieve", error.message) from error
    except refusals.Taken as error:
        existing = [key for key, each in (await _every(call, inbox)).items() if each["name"] == name]
        more = {"existingId": existing[0]} if existing else {}
        raise errors.SetRefused("alreadyExists", error.message, ("name",), **more) from error
    except refusals.Conflict as error:
        raise errors.SetRefused("overQuota", error.message) from error
