"""What is counted for reports, reports, and how far messages have been looked through. Times are unix milliseconds."""

TABLES = """
CREATE TABLE report_count (
  kind TEXT NOT NULL, day TEXT NOT NULL, domain TEXT NOT NULL, key {bytes} NOT NULL, row TEXT NOT NULL,
  count BIGINT NOT NULL, PRIMARY KEY(kind, day, domain, key)) {without_rowid};
CREATE TABLE report_seen (
  kind TEXT NOT NULL, day TEXT NOT NULL, domain TEXT NOT NULL, policy TEXT NOT NULL, seen_at BIGINT NOT NULL,
  PRIMARY KEY(kind, day, domain)) {without_rowid};
CREATE TABLE report (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, direction TEXT NOT NULL, kind TEXT NOT NULL,
  domain TEXT NOT NULL, submitter TEXT NOT NULL, organization TEXT NOT NULL, report_id TEXT NOT NULL,
  begin_at BIGINT NOT NULL, end_at BIGINT NOT NULL, total BIGINT NOT NULL, failed BIGINT NOT NULL,
  destination TEXT NOT NULL, state TEXT NOT NULL, note TEXT NOT NULL, is_authenticated BIGINT NOT NULL,
  message_id BIGINT NOT NULL, queued_id BIGINT NOT NULL, created_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0, next_attempt_at BIGINT NOT NULL DEFAULT 0, body {bytes} NOT NULL, file {bytes});
CREATE UNIQUE INDEX report_once ON report(direction, tenant_id, kind, domain, submitter, report_id, destination);
CREATE INDEX report_listed ON report(tenant_id, id);
CREATE INDEX report_due ON report(next_attempt_at) WHERE state='waiting';
CREATE INDEX report_age ON report(created_at);
CREATE TABLE report_read (message_id {id}, read_at BIGINT NOT NULL);
CREATE INDEX report_read_age ON report_read(read_at);
CREATE TABLE report_progress (name TEXT PRIMARY KEY, position BIGINT NOT NULL);
INSERT INTO report_progress SELECT 'read', COALESCE(MAX(id), 0) FROM event;
"""


def up(migrator: object, db: object) -> None:
    """Create the tables. Mail that was there before is not looked through."""
    del migrator
    statements = TABLES.format(id="INTEGER PRIMARY KEY", without_rowid="WITHOUT ROWID", bytes="BLOB")
    for statement in statements.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
