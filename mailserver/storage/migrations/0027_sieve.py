"""Scripts that run at delivery, absence notices, whom they were sent to, and letters of the server's own."""

TABLES = """
CREATE TABLE sieve_script (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, name TEXT NOT NULL, content {blob} NOT NULL,
  hash {blob} NOT NULL, size BIGINT NOT NULL, is_active BIGINT NOT NULL, created_modseq BIGINT NOT NULL,
  modseq BIGINT NOT NULL, changed_at BIGINT NOT NULL);
CREATE UNIQUE INDEX sieve_script_name ON sieve_script(inbox_id, name);
CREATE UNIQUE INDEX sieve_script_active ON sieve_script(inbox_id) WHERE is_active = 1;
CREATE INDEX sieve_script_hash ON sieve_script(inbox_id, hash);

CREATE TABLE vacation_response (
  inbox_id {id}, tenant_id BIGINT NOT NULL, is_enabled BIGINT NOT NULL, from_at BIGINT, to_at BIGINT, subject TEXT,
  text_body TEXT, html_body TEXT, changed_at BIGINT NOT NULL);

CREATE TABLE auto_answer (
  inbox_id BIGINT NOT NULL, handle TEXT NOT NULL, address TEXT NOT NULL, until_at BIGINT NOT NULL,
  PRIMARY KEY (inbox_id, handle, address));
CREATE INDEX auto_answer_until ON auto_answer(until_at);

CREATE TABLE auto_letter (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, body TEXT NOT NULL);
CREATE INDEX auto_letter_inbox ON auto_letter(inbox_id);
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY", blob="BLOB").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
