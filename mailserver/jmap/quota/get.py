"""Quota/get (RFC 9425 4.2)."""

from typing import Any

from mailserver.jmap import standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.quota import objects


async def get(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Quotas by their ids, or all of them."""
    inbox = await call.account(arguments)
    ids = standard.wanted(call, arguments)
    properties = arguments.properties(objects.PROPERTIES)
    arguments.finish()
    measured = await call.services.syncing.quotas.of(call.caller, inbox)
    every = [objects.shown(each) for each in measured.quotas]
    found = [standard.only(each, properties) for each in every if ids is None or each["id"] in ids]
    return standard.got(standard.account_id(inbox), measured.state, found, ids)
