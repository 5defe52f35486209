"""Identities that clients write as, and what they have handed over to be sent (RFC 8621 6, 7)."""

TABLES = """
CREATE TABLE identity (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL,
  reply_to TEXT, bcc TEXT, text_signature TEXT, html_signature TEXT, is_fixed BIGINT NOT NULL,
  created_modseq BIGINT NOT NULL, modseq BIGINT NOT NULL);
CREATE INDEX identity_inbox ON identity(inbox_id, modseq);

CREATE TABLE email_submission (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, queued_id BIGINT NOT NULL, identity_id BIGINT NOT NULL,
  email_id BIGINT NOT NULL, thread_id BIGINT NOT NULL, envelope TEXT NOT NULL, send_at BIGINT NOT NULL,
  is_canceled BIGINT NOT NULL, created_at BIGINT NOT NULL, created_modseq BIGINT NOT NULL, modseq BIGINT NOT NULL);
CREATE INDEX email_submission_inbox ON email_submission(inbox_id, modseq);
CREATE INDEX email_submission_queued ON email_submission(queued_id);
CREATE INDEX email_submission_age ON email_submission(created_at)
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
