"""A message of another program as one of ours: line ends, flags and time."""

import time
from collections.abc import Sequence

from mailserver.entities.moving import Brought, Place
from mailserver.transfer import marks, special_use


def bring(
    place: Place,
    keywords: Sequence[str],
    received_at: int,
    key: str,
    content: bytes,
    *,
    is_exact: bool = False,
    is_spare: bool = False,
) -> Brought:
    """The message as it is to be stored. What was marked as deleted goes to Trash, where its owner finds it.

    Programs for Unix keep LF where mail has CRLF; `is_exact` says that these bytes are as we wrote them.
    """
    is_deleted = marks.DELETED in keywords
    words = tuple(each for each in keywords if each != marks.DELETED)
    places = (special_use.TRASH,) if is_deleted else (place,)
    return Brought(places, words, received_at, key, content if is_exact else with_crlf(content), is_spare)


def with_crlf(content: bytes) -> bytes:
    """CRLF at the ends of lines, where all of them end with LF alone; anything else is left as it is."""
    return content if b"\r\n" in content else content.replace(b"\n", b"\r\n")


def now() -> int:
    """Unix milliseconds."""
    return int(time.time() * 1000)
