"""What was found out about a message that came in, kept beside it."""


def up(migrator: object, db: object) -> None:
    """Create the table."""
    del migrator
    db.execute_sql(  # type: ignore[attr-defined]
        "CREATE TABLE verdict (message_id INTEGER PRIMARY KEY, body TEXT NOT NULL)"
    )
