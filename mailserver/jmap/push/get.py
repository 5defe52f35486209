"""PushSubscription/get (RFC 8620 7.2.1): it belongs to a login, so there is no account and no state."""

from typing import Any

from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.push import objects


async def get(call: Call, arguments: Arguments) -> dict[str, Any]:
    """The subscriptions of the login."""
    ids = standard.wanted(call, arguments)
    asked = arguments.strings("properties")
    if asked is not None and set(asked) & set(objects.SECRET):
        raise errors.MethodRefused("forbidden", "url and keys are never told.")
    properties = arguments.properties(objects.PROPERTIES)
    arguments.finish()
    service = call.services.syncing.push_subscriptions
    every = [objects.write(one, service.code(one)) for one in await service.of(call.caller)]
    found = every if ids is None else [each for each in every if each["id"] in ids]
    there = {each["id"] for each in found}
    return {
        "list": [standard.only(each, properties) for each in found],
        "notFound": [text for text in ids or () if text not in there],
    }
