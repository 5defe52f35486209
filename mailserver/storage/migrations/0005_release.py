"""When mail is released, by when it is wanted and how urgent it is; where logins have gone well; what an inbox sent."""

COLUMNS = """
ALTER TABLE queued ADD COLUMN release_at BIGINT;
ALTER TABLE queued ADD COLUMN by_at BIGINT;
ALTER TABLE queued ADD COLUMN by_mode TEXT;
ALTER TABLE delivery ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN by_notified BIGINT NOT NULL DEFAULT 0;
DROP INDEX delivery_domain;
CREATE INDEX delivery_domain ON delivery(domain, tenant_id, priority, next_attempt_at) WHERE state='queued';
CREATE INDEX delivery_urgency ON delivery(domain, tenant_id, next_attempt_at - priority * 60000)
  WHERE state = 'queued' AND priority != 0;
CREATE INDEX queued_by ON queued(by_at) WHERE by_at IS NOT NULL;
CREATE INDEX queued_inbox ON queued(inbox_id, created_at);
CREATE TABLE login_address (
  inbox_id BIGINT NOT NULL, address TEXT NOT NULL, network TEXT NOT NULL, used_at BIGINT NOT NULL,
  PRIMARY KEY(inbox_id, address)) WITHOUT ROWID;
CREATE INDEX login_address_network ON login_address(network);
CREATE INDEX login_address_used ON login_address(used_at);
"""


def up(migrator: object, db: object) -> None:
    """Add the columns, the indexes that go with them, and the table."""
    del migrator
    for statement in COLUMNS.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
