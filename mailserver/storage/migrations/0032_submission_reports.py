"""Reports that came back about what clients have handed over (RFC 8621 7)."""

TABLES = """
CREATE TABLE submission_report (
  submission_id BIGINT NOT NULL, message_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL,
  PRIMARY KEY (submission_id, message_id));
CREATE INDEX submission_report_message ON submission_report(message_id);
CREATE INDEX submission_report_inbox ON submission_report(inbox_id);
CREATE INDEX email_submission_list ON email_submission(inbox_id, id)
"""


def up(migrator: object, db: object) -> None:
    """Create the table."""
    del migrator
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
