"""When a signing key was taken out of use."""


def up(migrator: object, db: object) -> None:
    """Add the column."""
    del migrator
    db.execute_sql("ALTER TABLE dkim_key ADD COLUMN retired_at BIGINT")  # type: ignore[attr-defined]
