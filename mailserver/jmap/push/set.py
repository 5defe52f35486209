"""PushSubscription/set (RFC 8620 7.2.2)."""

from typing import Any

from mailserver.entities import errors as refusals
from mailserver.entities.identifiers import Kind
from mailserver.jmap import arguments as values
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments, is_id
from mailserver.jmap.call import Call
from mailserver.jmap.errors import SetRefused
from mailserver.jmap.push import objects
from mailserver.services.syncing.push_subscriptions import NewPush, TooManySubscriptions

_CREATED = frozenset({"deviceClientId", "url", "keys", "verificationCode", "expires", "types"})
_UPDATED = frozenset({"verificationCode", "expires", "types"})
_LONGEST_KEY = 200
Object = dict[str, Any]


async def set_(call: Call, arguments: Arguments) -> Object:
    """Make, change and destroy subscriptions, each by itself."""
    create, update = _objects(arguments, "create"), _objects(arguments, "update")
    destroy = list(dict.fromkeys(arguments.ids("destroy") or ()))
    arguments.finish()
    if len(create) + len(update) + len(destroy) > call.limits.objects_in_set:
        raise errors.MethodRefused("requestTooLarge", f"At most {call.limits.objects_in_set:,} objects.")
    created, updated, destroyed = dict[str, Object](), dict[str, Object | None](), list[str]()
    not_created, not_updated, not_destroyed = (dict[str, Object]() for _ in range(3))
    for creation_id, given in create.items():
        try:
            created[creation_id] = await _create(call, given)
            call.made[creation_id] = created[creation_id]["id"]
        except (SetRefused, refusals.ServiceError) as refusal:
            not_created[creation_id] = _refused(refusal)
    for text, patch in update.items():
        try:
            updated[text] = await _update(call, call.meant(text), patch)
        except (SetRefused, refusals.ServiceError) as refusal:
            not_updated[text] = _refused(refusal)
    for text in destroy:
        try:
            number = standard.number(Kind.PUSH_SUBSCRIPTION, call.meant(text))
            await call.services.syncing.push_subscriptions.remove(call.caller, number)
            destroyed.append(call.meant(text))
        except (SetRefused, refusals.ServiceError) as refusal:
            not_destroyed[text] = _refused(refusal)
    return {
        "created": created or None,
        "updated": updated or None,
        "destroyed": destroyed or None,
        "notCreated": not_created or None,
        "notUpdated": not_updated or None,
        "notDestroyed": not_destroyed or None,
    }


async def _create(call: Call, given: Object) -> Object:
    unknown = sorted(set(given) - _CREATED)
    if unknown:
        raise SetRefused("invalidProperties", "These cannot be set.", unknown)
    if given.get("verificationCode") is not None:
        raise errors.invalid_property("verificationCode", "The server makes it up, and posts it to the URL.")
    device, url = given.get("deviceClientId"), given.get("url")
    if not isinstance(device, str):
        raise errors.invalid_property("deviceClientId", "It is a string.")
    if not isinstance(url, str):
        raise errors.invalid_property("url", "It is a string.")
    p256dh, auth = _keys(given.get("keys"))
    new = NewPush(device, url, p256dh, auth, _expires(given.get("expires")), _types(given.get("types")))
    made = await call.services.syncing.push_subscriptions.create(call.caller, new)
    shown = objects.write(made, None)
    answer = {"id": shown["id"]}
    if shown["expires"] != given.get("expires"):
        answer["expires"] = shown["expires"]
    defaults: Object = {"keys": None, "types": None, "verificationCode": None}
    return answer | {name: value for name, value in defaults.items() if name not in given}


async def _update(call: Call, text: str, patch: Object) -> Object | None:
    number = standard.number(Kind.PUSH_SUBSCRIPTION, text)
    fixed = sorted(set(patch) - _UPDATED)
    if fixed:
        raise SetRefused("invalidProperties", "These are as they were when it was made.", fixed)
    code = patch.get("verificationCode")
    if "verificationCode" in patch and not isinstance(code, str):
        raise errors.invalid_property("verificationCode", "It is the string that was posted to the URL.")
    changed = await call.services.syncing.push_subscriptions.change(
        call.caller,
        number,
        code=code,
        expires_at=[_expires(patch["expires"])] if "expires" in patch else (),
        types=[_types(patch["types"])] if "types" in patch else (),
    )
    expires = values.utc_date(changed.expires_at)
    return {"expires": expires} if "expires" in patch and patch["expires"] != expires else None


def _objects(arguments: Arguments, name: str) -> dict[str, Object]:
    given = arguments.mapping(name) or {}
    if not all(isinstance(value, dict) and is_id(key) for key, value in given.items()):
        raise errors.invalid(f"{name} must be an object of objects by their ids.", name)
    return given


def _keys(given: object) -> tuple[str | None, str | None]:
    if given is None:
        return None, None
    if not isinstance(given, dict):
        raise errors.invalid_property("keys", "It is an object with p256dh and auth, or null.")
    p256dh, auth = given.get("p256dh"), given.get("auth")
    if not all(isinstance(each, str) and len(each) <= _LONGEST_KEY for each in (p256dh, auth)):
        raise errors.invalid_property("keys", "p256dh and auth are strings in base64url.")
    return p256dh, auth


def _expires(given: object) -> int | None:
    if given is None:
        return None
    found = values.utc_ms(given)
    if found is None:
        raise errors.invalid_property("expires", "It is a UTCDate, or null.")
    return found


def _types(given: object) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise errors.invalid_property("types", "It is a list of names, or null.")
    return tuple(dict.fromkeys(given))


def _refused(refusal: Exception) -> Object:
    if isinstance(refusal, TooManySubscriptions):
        return SetRefused("overQuota", refusal.message).answer
    return standard.refused(refusal)
