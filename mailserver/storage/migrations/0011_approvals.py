"""What waits for somebody's approval, and who did what."""

TABLES = """
CREATE TABLE approval (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, credential_id BIGINT NOT NULL,
  token_label TEXT NOT NULL, action_type TEXT NOT NULL, summary TEXT NOT NULL, payload {bytes}, state TEXT NOT NULL,
  queued_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, decided_at BIGINT, decided_by TEXT, result TEXT);
CREATE INDEX approval_listed ON approval(inbox_id, state, id);
CREATE INDEX approval_inbox ON approval(inbox_id, id);
CREATE INDEX approval_due ON approval(expires_at) WHERE state = 'pending';
CREATE TABLE audit (
  id {id}, tenant_id BIGINT NOT NULL, occurred_at BIGINT NOT NULL, actor TEXT NOT NULL, actor_kind TEXT NOT NULL,
  action TEXT NOT NULL, object_id TEXT NOT NULL, inbox_id BIGINT, detail TEXT NOT NULL);
CREATE INDEX audit_listed ON audit(tenant_id, id);
CREATE INDEX audit_actor ON audit(tenant_id, actor, id);
CREATE INDEX audit_action ON audit(tenant_id, action, id);
CREATE INDEX audit_inbox ON audit(inbox_id, id) WHERE inbox_id IS NOT NULL;
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_undeleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY", bytes="BLOB").split(";\n"):
        text = statement.strip()
        if text:
            db.execute_sql(f"{text};" if text.endswith(" END") else text)  # type: ignore[attr-defined]
