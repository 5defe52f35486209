"""Verbs by which a command beside the server brings mail in, and reads what it writes down elsewhere."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mailserver.entities import errors, identifiers
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import BadIdentifier, Kind
from mailserver.entities.moving import Brought, Kept, Place
from mailserver.services.moving.arriving import Arriving
from mailserver.services.registry import Services

Arguments = dict[str, Any]
MOST_KEYS = 10_000
MOST_MESSAGES = 1_000


def table(services: Services) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""
    verbs = _MovingVerbs(services)
    return {
        "import.begin": verbs.begin, "import.known": verbs.known, "import.store": verbs.store,
        "export.folders": verbs.folders, "export.page": verbs.page,
    }  # fmt: skip


class _MovingVerbs:
    def __init__(self, services: Services) -> None:
        self._inboxes = services.inboxes
        self._arriving: Arriving = services.moving.arriving
        self._leaving = services.moving.leaving

    async def begin(self, given: Arguments) -> Arguments:
        inbox = await self._inboxes.at(given["inbox"])
        await self._arriving.begin(inbox)
        return {"inbox": inbox.address, "message_bytes": self._arriving.message_bytes}

    async def known(self, given: Arguments) -> list[str]:
        inbox = await self._inboxes.at(given["inbox"])
        return await self._arriving.known(inbox, given["source"], given["keys"][:MOST_KEYS])

    async def store(self, given: Arguments) -> list[Arguments]:
        """The messages' bytes follow the request's line, one behind the other."""
        inbox = await self._inboxes.at(given["inbox"])
        batch = _brought(given["messages"], given.get("content", b""))
        fates = await self._arriving.store(inbox, given["source"], batch)
        return [{"fate": each.fate.value, "reason": each.reason} for each in fates]

    async def folders(self, given: Arguments) -> list[Arguments]:
        inbox = await self._inboxes.at(given["inbox"])
        return [
            {
                "folder": identifiers.encode(Kind.FOLDER, each.folder_id), "path": each.place.path,
                "role": each.place.role.value if each.place.role else None, "messages": each.messages,
            }
            for each in await self._leaving.shelves(inbox)
        ]  # fmt: skip

    async def page(self, given: Arguments) -> list[Arguments]:
        inbox = await self._inboxes.at(given["inbox"])
        after = given.get("after") or [0, ""]
        last = _number(Kind.MESSAGE, after[1]) if after[1] else -1
        kept = await self._leaving.page(
            inbox, _number(Kind.FOLDER, given["folder"]), (after[0] if after[1] else -1, last), given["limit"]
        )
        return [_row(each) for each in kept]


def _brought(rows: Sequence[Arguments], content: bytes) -> list[Brought]:
    if len(rows) > MOST_MESSAGES or sum(row["size"] for row in rows) != len(content):
        raise errors.Invalid("The messages do not fit their bytes; is the command older than the server?")
    view, at, batch = memoryview(content), 0, []
    for row in rows:
        raw = bytes(view[at : at + row["size"]])
        at += row["size"]
        places = tuple(Place(tuple(path), Role(role) if role else None) for path, role in row["places"])
        batch.append(
            Brought(places, tuple(row["keywords"]), row["received_at"], row["key"], raw, bool(row.get("spare")))
        )
    return batch


def _row(kept: Kept) -> Arguments:
    return {
        "message": identifiers.encode(Kind.MESSAGE, kept.message_id), "location": kept.location, "size": kept.size,
        "received_at": kept.received_at, "keywords": kept.keywords, "sender": kept.sender, "hash": kept.blob.hex(),
    }  # fmt: skip


def _number(kind: Kind, text: str) -> int:
    try:
        return identifiers.decode(kind, text)
    except BadIdentifier as error:
        raise errors.Invalid(f"{text!r} is not an id of the form {kind.value}_….") from error
