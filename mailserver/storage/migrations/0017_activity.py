"""Timelines of contacts, and the relationships that follow from them. What was before this is not told."""

TABLES = """
CREATE TABLE activity (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, address TEXT NOT NULL, type TEXT NOT NULL,
  resource_id TEXT NOT NULL, message_id BIGINT, occurred_at BIGINT NOT NULL, summary TEXT NOT NULL,
  participants TEXT NOT NULL, metadata TEXT NOT NULL);
CREATE UNIQUE INDEX activity_key ON activity(inbox_id, address, type, resource_id);
CREATE INDEX activity_address ON activity(inbox_id, address, occurred_at, id);
CREATE INDEX activity_message ON activity(message_id) WHERE message_id IS NOT NULL;
CREATE INDEX activity_age ON activity(occurred_at);

CREATE TABLE relationship (
  inbox_id BIGINT NOT NULL, address TEXT NOT NULL, outbound DOUBLE PRECISION NOT NULL,
  inbound DOUBLE PRECISION NOT NULL, outbound_count BIGINT NOT NULL, inbound_count BIGINT NOT NULL,
  last_at BIGINT NOT NULL, rank DOUBLE PRECISION NOT NULL, PRIMARY KEY (inbox_id, address));
CREATE INDEX relationship_rank ON relationship(inbox_id, rank);
CREATE INDEX relationship_age ON relationship(last_at);
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
