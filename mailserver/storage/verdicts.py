"""What was found out about the sender and the content of messages that came in."""

from typing import Any

import orjson

from mailserver.storage.database import Snapshot


def get(snapshot: Snapshot, message_id: int) -> dict[str, Any] | None:
    """The verdict on a message; None for mail that was not judged, such as our own."""
    row = snapshot.one("SELECT body FROM verdict WHERE message_id = ?", (message_id,))
    return dict(orjson.loads(row[0])) if row else None
