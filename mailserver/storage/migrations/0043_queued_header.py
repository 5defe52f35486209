"""What was sent under a Message-ID is found by an index, of eight octets instead of the whole text."""

from mailserver.mail import threading


def up(migrator: object, db: object) -> None:
    """Add the column, fill it for what is queued, and index it."""
    del migrator
    db.register_function(threading.header_hash, "header_hash_of", 1)  # type: ignore[attr-defined]
    for statement in (
        "ALTER TABLE queued ADD COLUMN header_hash BIGINT",
        "UPDATE queued SET header_hash = header_hash_of(header_id) WHERE header_id <> ''",
        "CREATE INDEX queued_header ON queued(header_hash) WHERE header_hash IS NOT NULL",
    ):
        db.execute_sql(statement)  # type: ignore[attr-defined]
    db.unregister_function("header_hash_of")  # type: ignore[attr-defined]
