"""What filtering remembers: rules of who may write, greylist, words of junk, lessons and correspondents."""

TABLES = """
CREATE TABLE sender_rule (
  id {id}, tenant_id BIGINT NOT NULL, pod_id BIGINT NOT NULL DEFAULT 0, inbox_id BIGINT NOT NULL DEFAULT 0,
  direction TEXT NOT NULL, list_type TEXT NOT NULL, entry TEXT NOT NULL, entry_type TEXT NOT NULL,
  reason TEXT, created_at BIGINT NOT NULL);
CREATE UNIQUE INDEX sender_rule_entry ON sender_rule(tenant_id, pod_id, inbox_id, direction, list_type, entry);

CREATE TABLE greylist (triplet {id}, first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, passed BIGINT NOT NULL);
CREATE INDEX greylist_age ON greylist(passed, last_at);

CREATE TABLE bayes_inbox (
  inbox_id {id}, salt {bytes} NOT NULL, ham BIGINT NOT NULL DEFAULT 0, spam BIGINT NOT NULL DEFAULT 0,
  tokens BIGINT NOT NULL DEFAULT 0);
CREATE TABLE bayes_token (
  inbox_id BIGINT NOT NULL, token BIGINT NOT NULL, ham BIGINT NOT NULL, spam BIGINT NOT NULL,
  learned_at BIGINT NOT NULL, PRIMARY KEY(inbox_id, token)) {without_rowid};
CREATE TABLE lesson (
  message_id {id}, inbox_id BIGINT NOT NULL, wanted BIGINT NOT NULL, learned BIGINT NOT NULL DEFAULT 0,
  asked_at BIGINT NOT NULL);
CREATE INDEX lesson_open ON lesson(asked_at) WHERE wanted != learned;

CREATE TABLE correspondent (
  inbox_id BIGINT NOT NULL, address TEXT NOT NULL, written_at BIGINT NOT NULL,
  PRIMARY KEY(inbox_id, address)) {without_rowid};
"""


def up(migrator: object, db: object) -> None:
    """Create every table."""
    del migrator
    statements = TABLES.format(id="INTEGER PRIMARY KEY", without_rowid="WITHOUT ROWID", bytes="BLOB")
    for statement in statements.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
