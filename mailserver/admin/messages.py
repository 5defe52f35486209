"""Verbs by which an operator finds a message and reads what became of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.story import Found, Sought
from mailserver.services.registry import Services

LARGEST_PAGE = 1000
LONGEST_WORDS = 200
Arguments = dict[str, Any]


def table(services: Services) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""
    stories = services.health.stories

    async def trace(given: Arguments) -> Arguments:
        story = await stories.trace(given["id"])
        return {
            "message_id": story.header_id,
            "queue_ids": list(story.queue_ids),
            "story": [{"at": line.at, "what": line.what, **line.facts} for line in story.lines],
            "gaps": list(story.gaps),
        }

    async def show(given: Arguments) -> Arguments:
        return _found(await stories.one(given["id"]))

    async def find(given: Arguments) -> list[Arguments]:
        for name in ("from", "to", "subject"):
            if len(given.get(name) or "") > LONGEST_WORDS:
                raise errors.Invalid(f"--{name} may have {LONGEST_WORDS} characters.")
        limit = given.get("limit") or 50
        if not 0 < limit <= LARGEST_PAGE:
            raise errors.Invalid(f"--limit may be up to {LARGEST_PAGE}.")
        inbox = await services.inboxes.at(given["inbox"]) if given.get("inbox") else None
        header_id = given.get("message_id")
        if header_id and not header_id.startswith("<"):
            header_id = f"<{header_id}>"
        sought = Sought(
            given.get("from"), given.get("to"), given.get("subject"), header_id, inbox.id if inbox else None,
            given.get("since"), given.get("until"), limit,
        )  # fmt: skip
        return [_found(each) for each in await stories.find(sought)]

    return {"message.trace": trace, "message.show": show, "message.find": find}


def _found(found: Found) -> Arguments:
    people = orjson.loads(found.people)
    return {
        "id": identifiers.encode(Kind.MESSAGE, found.message_id), "inbox": found.inbox,
        "received_at": found.received_at, "size": found.size, "message_id": found.header_id, "subject": found.subject,
        "from": _addresses(people.get("from")), "to": _addresses(people.get("to")), "location": found.location,
    }  # fmt: skip


def _addresses(people: Any) -> list[str]:
    return [each[0] for each in people or ()]
