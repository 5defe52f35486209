"""Full-text search: what people type, safe for FTS5, within one inbox, newest first."""

from playhouse import fts_parser

from mailserver.entities.message import Visibility
from mailserver.storage.database import Snapshot
from mailserver.storage.ingest import search_token

LONGEST_QUERY = 1024
MOST_TERMS = 32


def page(snapshot: Snapshot, inbox_id: int, text: str, offset: int, limit: int) -> tuple[list[int], int]:
    """Ids of matching messages outside Junk and Trash, newest first, and how many there are in all."""
    match = expression(inbox_id, text)
    if match is None:
        return [], 0
    shown = int(Visibility.NORMAL)
    rows = snapshot.all(
        "SELECT m.id FROM search s JOIN message m ON m.id = s.rowid WHERE search MATCH ? AND m.visibility = ? "
        "ORDER BY s.rowid DESC LIMIT ? OFFSET ?",
        (match, shown, limit, offset),
    )
    total = snapshot.one(
        "SELECT COUNT(*) FROM search s JOIN message m ON m.id = s.rowid WHERE search MATCH ? AND m.visibility = ?",
        (match, shown),
    )
    return [row[0] for row in rows], total[0]


def expression(inbox_id: int, text: str) -> str | None:
    """The FTS5 expression of what was typed; None where it has no word in it."""
    readable = text[:LONGEST_QUERY].encode(errors="replace").decode().replace("\0", " ")  # for FTS5 a NUL is the end
    words = " ".join(readable.split()[:MOST_TERMS])
    parsed = fts_parser.parse(words)
    if not parsed:
        return None
    return f"inbox : {search_token(inbox_id)} AND ({{subject sender recipients body attachments}} : ({parsed}))"
