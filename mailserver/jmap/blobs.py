"""Ids of blobs: the hash of a message or an upload, and below it the sections of parts (RFC 8620 6).

`B<sha256>` is a message or an upload; `B<sha256>-1_2` its part 1.2; `B<sha256>-2-1` part 1 of the message that its
part 2 is. So whoever may read the root may read what lies in it, and nothing has to be looked up twice.
"""

import re
from dataclasses import dataclass

_ID = re.compile(r"B([0-9a-f]{64})((?:-[0-9]{1,4}(?:_[0-9]{1,4}){0,20}){0,5})")


@dataclass(frozen=True, slots=True)
class BlobId:
    """Where bytes lie: the hash of the root, and the sections on the way down."""

    digest: bytes
    sections: tuple[str, ...] = ()


def of(digest: bytes) -> str:
    """The id of a message or an upload."""
    return f"B{digest.hex()}"


def part(blob_id: str, section: str) -> str:
    """The id of a part of a blob."""
    return f"{blob_id}-{section.replace('.', '_')}"


def read(text: str) -> BlobId | None:
    """An id as what it says; None for what is none of ours."""
    found = _ID.fullmatch(text)
    if found is None:
        return None
    sections = [each.replace("_", ".") for each in found[2].split("-")[1:]]
    return BlobId(bytes.fromhex(found[1]), tuple(sections))
