"""Blobs read within bounds: one request reads so much and no more, whatever it asks for."""

from mailserver.entities import errors as refusals
from mailserver.entities.inbox import Inbox
from mailserver.jmap import blobs
from mailserver.jmap.call import Call

KEPT_BYTES = 32 << 20  # that are kept for a further range of the same blob


class Reader:
    """Reads blobs of one account for one method call."""

    def __init__(self, call: Call, inbox: Inbox) -> None:
        self._call = call
        self._inbox = inbox
        self._kept: dict[str, bytes] = {}

    async def read(self, text: str) -> bytes:
        """The bytes of a blob; NotFound where the account has none of that id, Spent where it would be too much."""
        blob_id = self._call.meant(text)
        if blob_id in self._kept:
            return self._kept[blob_id]
        found = blobs.read(blob_id)
        if found is None:
            raise refusals.NotFound("There is no such blob.")
        service = self._call.services.syncing.blobs
        size = await service.size_of_root(self._call.caller, self._inbox, found.digest)  # a part needs all of it
        self._call.budget.spend(size)
        content = await service.read(self._call.caller, self._inbox, found.digest, found.sections)
        if sum(map(len, self._kept.values())) + len(content) <= KEPT_BYTES:
            self._kept[blob_id] = content
        return content
