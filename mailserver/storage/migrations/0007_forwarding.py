"""Where mail goes on to, senders that do not fit into an address, and whose mail a queued message was."""

TABLES = """
CREATE TABLE forward (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, alias TEXT NOT NULL DEFAULT '', target TEXT NOT NULL,
  target_normal TEXT NOT NULL, is_enabled BIGINT NOT NULL, keeps_copy BIGINT NOT NULL,
  failures BIGINT NOT NULL DEFAULT 0, last_failure TEXT, stopped_at BIGINT, notice_id BIGINT,
  changed_at BIGINT NOT NULL);
CREATE UNIQUE INDEX forward_target ON forward(inbox_id, alias, target_normal);
CREATE INDEX forward_notice ON forward(notice_id) WHERE notice_id IS NOT NULL;

CREATE TABLE rewritten_sender (id {id}, sender TEXT NOT NULL UNIQUE, used_at BIGINT NOT NULL);
CREATE INDEX rewritten_sender_used ON rewritten_sender(used_at);

ALTER TABLE queued ADD COLUMN forwarded_by TEXT;
"""


def up(migrator: object, db: object) -> None:
    """Create the tables and the column."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
