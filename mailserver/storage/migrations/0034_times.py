"""All mail of an inbox by its time, whatever may be seen of it: what clients that keep copies list without a folder."""

STATEMENT = "CREATE INDEX message_inbox_all ON message(inbox_id, received_at DESC, id DESC)"


def up(migrator: object, db: object) -> None:
    """Create the index."""
    del migrator
    db.execute_sql(STATEMENT)  # type: ignore[attr-defined]
