"""What was imported from where, so that nothing comes twice, and what is being written at this moment."""

TABLES = """
CREATE TABLE imported (
  inbox_id BIGINT NOT NULL, token {bytes} NOT NULL, imported_at BIGINT NOT NULL,
  PRIMARY KEY(inbox_id, token)) {without_rowid};

CREATE TABLE importing (
  inbox_id BIGINT NOT NULL, message_id BIGINT NOT NULL,
  PRIMARY KEY(inbox_id, message_id)) {without_rowid}
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(without_rowid="WITHOUT ROWID", bytes="BLOB").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
