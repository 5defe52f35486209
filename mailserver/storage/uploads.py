"""Files that API clients upload: by hash on the disk, by id and owner in the table."""

from dataclasses import dataclass

from mailserver.storage.database import Snapshot, Transaction
from mailserver.storage.tables.mailbox import Upload as UploadRow

_COLUMNS = (
    UploadRow.id, UploadRow.tenant_id, UploadRow.inbox_id, UploadRow.hash, UploadRow.size, UploadRow.content_type,
    UploadRow.filename, UploadRow.created_at, UploadRow.expires_at,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a client brought; `id` is unguessable."""

    id: str
    tenant_id: int
    inbox_id: int
    hash: bytes
    size: int
    content_type: str
    filename: str | None
    created_at: int
    expires_at: int


def add(tx: Transaction, upload: Upload) -> None:
    """Insert an upload."""
    tx.execute(
        UploadRow.insert(
            id=upload.id, tenant_id=upload.tenant_id, inbox_id=upload.inbox_id, hash=upload.hash, size=upload.size,
            content_type=upload.content_type, filename=upload.filename, created_at=upload.created_at,
            expires_at=upload.expires_at,
        )
    )  # fmt: skip


def get(snapshot: Snapshot, upload_id: str) -> Upload | None:
    """An upload by its id."""
    row = snapshot.one(UploadRow.select(*_COLUMNS).where(UploadRow.id == upload_id))
    return Upload(*row) if row else None


def expire(tx: Transaction, now: int) -> list[bytes]:
    """Delete what is past its life; the hashes that no other upload has."""
    rows = tx.all("SELECT hash FROM upload WHERE expires_at <= ?", (now,))
    tx.execute("DELETE FROM upload WHERE expires_at <= ?", (now,))
    return [row[0] for row in rows if tx.one("SELECT 1 FROM upload WHERE hash = ?", (row[0],)) is None]
