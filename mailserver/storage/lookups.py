"""Stored messages as an operator looks for them, over all inboxes: by an index, or for as long as it may take."""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.story import Found, Sought
from mailserver.mail import searchable, threading
from mailserver.storage import files
from mailserver.storage.database import Snapshot
from mailserver.storage.ingest import search_token

SLACK_MS = 600_000  # between the id of a message and the time of its arrival
_COLUMNS = "m.id, m.inbox_id, i.address, m.received_at, m.size, d.header_id, d.subject, d.people"
_JOINED = "JOIN message_data d ON d.message_id = m.id JOIN inbox i ON i.id = m.inbox_id"


def find(snapshot: Snapshot, sought: Sought, seconds: float) -> list[Found]:
    """Messages, the newest first; TookTooLong after so many seconds."""
    tables, conditions, values, order = _origin(sought)
    for bound, comparison in ((sought.since, ">="), (sought.until, "<")):
        if bound is not None:
            conditions.append(f"m.received_at {comparison} ?")
            values.append(bound)
    if sought.inbox_id is not None:
        conditions.append("m.inbox_id = ?")
        values.append(sought.inbox_id)
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    with snapshot.within(seconds):
        rows = snapshot.all(
            f"SELECT {_COLUMNS} FROM {tables} {_JOINED} {where}ORDER BY {order} DESC LIMIT ?", [*values, sought.limit]
        )
    return [_found(row) for row in rows]


def get(snapshot: Snapshot, message_id: int) -> Found | None:
    """One message."""
    row = snapshot.one(f"SELECT {_COLUMNS} FROM message m {_JOINED} WHERE m.id = ?", (message_id,))
    return _found(row) if row else None


def _found(row: tuple[Any, ...]) -> Found:
    number, inbox_id, inbox, received_at, size, header_id, subject, people = row
    place = files.location(inbox_id, number)
    return Found(number, inbox, received_at, size, header_id, subject, people, place)


def _origin(sought: Sought) -> tuple[str, list[str], list[Any], str]:
    """Where to begin: at the Message-ID, at the words, at the inbox's times, or at the newest ids."""
    if sought.header_id is not None:
        digest = threading.reference_hashes(sought.header_id, None, ())[-1]
        tables = "tenant t CROSS JOIN message m ON m.tenant_id = t.id AND m.header_hash = ?"
        # The hash stands in the tables, before everything else that is given.
        return tables, ["d.header_id = ?"], [digest, sought.header_id], "m.id"
    words = [
        f'({{{place}}} : "{text}")'
        for place, given in (("sender", sought.sender), ("recipients", sought.recipient), ("subject", sought.subject))
        if given and (text := searchable.sought(given).strip().replace('"', '""'))
    ]
    if words:
        if sought.inbox_id is not None:
            words.insert(0, f"(inbox : {search_token(sought.inbox_id)})")
        return "search s CROSS JOIN message m ON m.id = s.rowid", ["search MATCH ?"], [" AND ".join(words)], "s.rowid"
    if sought.inbox_id is not None:
        return "message m INDEXED BY message_inbox_all", [], [], "m.received_at DESC, m.id"
    conditions = [] if sought.since is None else ["m.id >= ?"]  # nothing has an id from long before it came
    values = [] if sought.since is None else [min(identifiers.first_at(sought.since - SLACK_MS), identifiers.LARGEST)]
    return "message m", conditions, values, "m.id"
