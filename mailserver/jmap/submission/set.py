"""EmailSubmission/set: sending, and what becomes of the message where that went well (RFC 8621 7.5)."""

from collections.abc import Mapping
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.access import Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.standard import Object, Setting
from mailserver.jmap.submission import objects
from mailserver.services.syncing.changes import Type
from mailserver.services.syncing.submissions import Refused


async def set_(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Hand messages over, take them back, forget them."""
    inbox = await call.account(arguments)
    setting = Setting(call, arguments, inbox)
    updates = arguments.mapping("onSuccessUpdateEmail") or {}
    destroys = arguments.ids("onSuccessDestroyEmail") or []
    arguments.finish()
    call.require_write(Scope.EMAIL_SEND)
    if not all(isinstance(each, dict) for each in updates.values()):
        raise errors.invalid("onSuccessUpdateEmail must be an object of patches.", "onSuccessUpdateEmail")
    service, states = call.services.syncing.submissions, call.services.syncing.changes
    old_state = await states.state(call.caller, inbox, Type.SUBMISSION)
    setting.check(old_state)
    known = {each.id for each in await call.services.syncing.identities.all_of(call.caller, inbox)}
    emails: dict[str, str] = {}  # of what went well, by the id of the submission

    async def create(given: Object) -> Object:
        letter = objects.letter(call, given)
        if letter.identity_id not in known:
            raise errors.invalid_property("identityId", "There is no such identity.")
        try:
            made = objects.shown(await service.create(call.caller, inbox, letter))
        except Refused as refusal:
            raise errors.SetRefused(refusal.kind, refusal.message, **refusal.more) from refusal
        emails[made["id"]] = made["emailId"]
        return {name: value for name, value in made.items() if name not in given or given[name] != value}

    async def update(text: str, patch: Object) -> None:
        number = standard.number(Kind.SUBMISSION, text)
        email_id = await _email_of(call, inbox, number)
        if patch != {"undoStatus": "canceled"}:
            raise errors.SetRefused("invalidProperties", "Only undoStatus can change, to canceled.", sorted(patch))
        try:
            await service.cancel(call.caller, inbox, number)
        except Refused as refusal:
            raise errors.SetRefused(refusal.kind, refusal.message) from refusal
        emails[text] = email_id

    async def destroy(text: str) -> None:
        number = standard.number(Kind.SUBMISSION, text)
        email_id = await _email_of(call, inbox, number)
        await service.remove(call.caller, inbox, number)
        emails[text] = email_id

    await setting.run(create, update, destroy)
    answer = setting.answer(old_state, await states.state(call.caller, inbox, Type.SUBMISSION))
    implied = _implied(call, setting, emails, updates, destroys)
    if implied is not None:
        call.further.append(await call.implied("Email/set", implied))
    return answer


async def _email_of(call: Call, inbox: Inbox, number: int) -> str:
    found = await call.services.syncing.submissions.get(call.caller, inbox, [number])
    if not found:
        raise standard.not_found()
    return identifiers.encode(Kind.MESSAGE, found[0].submission.email_id)


def _implied(
    call: Call, setting: Setting, emails: Mapping[str, str], updates: Mapping[str, Object], destroys: list[str]
) -> dict[str, Any] | None:
    """The Email/set that follows from what went well."""

    def email_of(text: str) -> str | None:
        return emails.get(call.meant(text))

    update = {email: patch for text, patch in updates.items() if (email := email_of(text)) is not None}
    destroy = [email for text in destroys if (email := email_of(text)) is not None]
    if not update and not destroy:
        return None
    return {"accountId": setting.account_id, "update": update, "destroy": destroy}
