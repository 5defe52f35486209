"""Email/set (RFC 8621 4.6)."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from mailserver.entities import errors as refusals
from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments, utc_ms
from mailserver.jmap.call import Call
from mailserver.jmap.capabilities import MAX_ATTACHMENTS_PER_EMAIL
from mailserver.jmap.email import content, creation, objects, parts, patch, properties
from mailserver.jmap.email.patch import Patch
from mailserver.jmap.email.properties import Wish
from mailserver.jmap.email.values import Room
from mailserver.jmap.standard import Object, Setting
from mailserver.mail import assembling, compose, dates, encoding
from mailserver.mail.assembling import BadPart
from mailserver.services.syncing import email_setting
from mailserver.services.syncing.changes import Type


async def set_(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Make, change and destroy messages."""
    inbox = await call.account(arguments)
    setting = Setting(call, arguments, inbox)
    arguments.finish()
    call.require_write()
    states = call.services.syncing.changes
    old_state = await states.state(call.caller, inbox, Type.EMAIL)
    setting.check(old_state)

    async def create(given: Object) -> Object:
        return await _create(call, inbox, given)

    await setting.run_creations(create)
    await _change(call, setting, None if setting.created else setting.if_in_state)
    return setting.answer(old_state, await states.state(call.caller, inbox, Type.EMAIL))


async def _create(call: Call, inbox: Inbox, given: Object) -> Object:
    wanted = patch.arrangement(call, given)
    received_at = moment(given.get("receivedAt"))
    plan = creation.read({name: value for name, value in given.items() if value is not None or name == "bodyStructure"})
    found = await _blobs(call, inbox, plan.blob_ids(call))
    service = call.services.syncing.email_setting
    number = service.new_id()
    fields = [*_missing(plan.names, inbox, number), *plan.fields]
    seed = identifiers.encode(Kind.MESSAGE, number)
    try:
        tree = plan.tree(call, found)
        raw = await asyncio.to_thread(assembling.message, fields, tree, seed)
    except BadPart as error:
        raise errors.invalid_property(f"bodyStructure/{error.name}", str(error)) from error
    made = objects.created(await service.store(call.caller, inbox, number, raw, wanted, received_at))
    renamed = creation.naming_blobs(given)
    if renamed:
        wish = Wish(properties=tuple(renamed), body_properties=parts.DEFAULT)
        made |= await asyncio.to_thread(content.show, raw, made["blobId"], wish, Room(0))
    return made


def moment(given: object) -> int:
    """`receivedAt` as unix milliseconds; now where it is left out."""
    if given is None:
        return int(time.time() * 1000)
    found = utc_ms(given)
    if found is None:
        raise errors.invalid_property("receivedAt", "A date in UTC.")
    return found


async def _blobs(call: Call, inbox: Inbox, ids: list[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    missing: list[str] = []
    size = 0
    for text in ids:
        try:
            found[text] = await call.blob(inbox, text)
        except refusals.NotFound:
            missing.append(text)
            continue
        size += len(found[text])
        if size > MAX_ATTACHMENTS_PER_EMAIL:
            raise errors.SetRefused("tooLarge", f"At most {MAX_ATTACHMENTS_PER_EMAIL:,} octets of attachments.")
    if missing:
        raise errors.SetRefused("blobNotFound", "Some blobs are not there.", notFound=missing)
    return found


def _missing(names: set[str], inbox: Inbox, number: int) -> list[bytes]:
    """The fields that every message has, where the client left them out (RFC 8621 4.6)."""
    fields = []
    if "date" not in names:
        fields.append(encoding.text("Date", dates.write(int(time.time()))))
    if "message-id" not in names:
        unique = identifiers.encode(Kind.MESSAGE, number).replace("_", ".")
        made = compose.new_message_id(inbox.address.rpartition("@")[2], unique)
        fields.append(encoding.structured("Message-ID", [made]))
    return fields


async def _change(call: Call, setting: Setting, if_in_state: str | None) -> None:
    """Make the changes and removals of the request in one transaction."""
    patches: dict[int, tuple[str, Patch]] = {}
    for text, given in setting.update.items():
        try:
            patches[standard.number(Kind.MESSAGE, call.meant(text))] = (text, Patch(call, given))
        except errors.SetRefused as refusal:
            setting.not_updated[text] = refusal.answer
    await _check_fixed(call, setting, patches)
    removed = standard.numbers(Kind.MESSAGE, map(call.meant, setting.destroy))
    for text in setting.destroy:
        if call.meant(text) not in removed:
            setting.not_destroyed[text] = standard.not_found().answer
    if not patches and not removed:
        return
    try:
        not_done = await call.services.syncing.email_setting.change(
            call.caller, setting.inbox, {number: one.arrangement for number, (_, one) in patches.items()},
            list(removed.values()), if_in_state,
        )  # fmt: skip
    except email_setting.StateMismatch as error:
        raise errors.MethodRefused("stateMismatch") from error
    why = {number: standard.refused(refusal) for number, refusal in not_done.items()}
    setting.updated |= {text: None for number, (text, _) in patches.items() if number not in why}
    setting.not_updated |= {text: why[number] for number, (text, _) in patches.items() if number in why}
    setting.destroyed += [text for text, number in removed.items() if number not in why]
    setting.not_destroyed |= {text: why[number] for text, number in removed.items() if number in why}


async def _check_fixed(call: Call, setting: Setting, patches: dict[int, tuple[str, Patch]]) -> None:
    """Refuse a patch of anything else, unless it says what is so already."""
    asking = {number: one for number, one in patches.items() if one[1].others}
    if not asking:
        return
    emails = await call.services.syncing.emails.get(call.caller, setting.inbox, list(asking))
    for number, (text, one) in asking.items():
        email = emails.get(number)
        present: Mapping[str, Any] = {}
        if email is not None:
            names = [name for name in one.others if name in properties.IN_ROWS]
            present = {name: objects.in_row(email, name) for name in names}
        wrong = [name for name, value in one.others.items() if name not in present or present[name] != value]
        if wrong:
            del patches[number]
            refusal = errors.SetRefused("invalidProperties", "Only mailboxes and keywords can be changed.", wrong)
            setting.not_updated[text] = (refusal if email is not None else standard.not_found()).answer
