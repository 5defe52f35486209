"""What became of the labels of an inbox's messages, from the event log."""

from mailserver.entities import identifiers
from mailserver.entities.event import Event, EventType
from mailserver.storage import events
from mailserver.storage.database import Snapshot

_RANGE = (
    "SELECT id, tenant_id, inbox_id, type, occurred_at, body FROM event INDEXED BY event_inbox_type "
    "WHERE inbox_id = ? AND type = ? AND id {comparison} ? AND json_extract(body, '$.message_id') IS NOT NULL "
    "ORDER BY id {direction} LIMIT ?"
)
_FIRST, _LAST = -1, identifiers.LARGEST


def page(snapshot: Snapshot, inbox_id: int, behind: int | None, limit: int, *, ascending: bool) -> list[Event]:
    """Labels that were put on messages and taken off them, from behind an event; those of threads are left out."""
    comparison, direction = (">", "ASC") if ascending else ("<", "DESC")
    place = behind if behind is not None else _FIRST if ascending else _LAST
    each = f"SELECT * FROM ({_RANGE.format(comparison=comparison, direction=direction)})"
    values: list[object] = []
    for kind in (EventType.LABEL_APPLIED, EventType.LABEL_REMOVED):
        values += [inbox_id, kind.value, place, limit]
    rows = snapshot.all(f"{each} UNION ALL {each} ORDER BY id {direction} LIMIT ?", [*values, limit])
    return [events.entity(row) for row in rows]
