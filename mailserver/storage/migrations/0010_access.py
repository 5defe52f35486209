"""People who log in: sessions, second factors and codes; tokens that change; settings of inboxes; domains on trial."""

TABLES = """
ALTER TABLE member ADD COLUMN totp_secret TEXT;
ALTER TABLE member ADD COLUMN totp_waiting TEXT;
ALTER TABLE member ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0;
CREATE TABLE recovery_code (
  member_id BIGINT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY(member_id, hash)) {without_rowid};
CREATE TABLE session (
  id {id}, tenant_id BIGINT NOT NULL, member_id BIGINT NOT NULL, refresh_hash TEXT NOT NULL UNIQUE,
  previous_hash TEXT, rotated_at BIGINT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX session_previous ON session(previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX session_member ON session(member_id);
CREATE INDEX session_age ON session(expires_at);
CREATE TABLE login_code (
  hash TEXT PRIMARY KEY, member_id BIGINT NOT NULL, purpose TEXT NOT NULL, code_hash TEXT NOT NULL,
  tries BIGINT NOT NULL DEFAULT 0, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX login_code_member ON login_code(member_id, purpose);
CREATE INDEX login_code_age ON login_code(expires_at);
ALTER TABLE token ADD COLUMN session_id BIGINT;
ALTER TABLE token ADD COLUMN previous_hash TEXT;
ALTER TABLE token ADD COLUMN previous_until BIGINT;
CREATE INDEX token_session ON token(session_id) WHERE session_id IS NOT NULL;
CREATE INDEX token_previous ON token(previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX token_inbox ON token(inbox_id) WHERE inbox_id IS NOT NULL;
CREATE INDEX token_user ON token(user_id) WHERE user_id IS NOT NULL;
ALTER TABLE inbox ADD COLUMN owner_user_id BIGINT;
CREATE INDEX inbox_closed ON inbox(id) WHERE status = 'deleted';
CREATE TABLE inbox_settings (
  inbox_id {id}, signature_text TEXT, signature_html TEXT, retention_days BIGINT,
  changed_at BIGINT NOT NULL);
CREATE INDEX inbox_settings_retention ON inbox_settings(inbox_id) WHERE retention_days IS NOT NULL;
ALTER TABLE domain ADD COLUMN verify_token TEXT NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN domain_use TEXT NOT NULL DEFAULT 'existing_domain';
ALTER TABLE domain ADD COLUMN dmarc_policy TEXT NOT NULL DEFAULT 'quarantine';
"""


def up(migrator: object, db: object) -> None:
    """Add the tables and the columns."""
    del migrator
    statements = TABLES.format(id="INTEGER PRIMARY KEY", without_rowid="WITHOUT ROWID")
    for statement in statements.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
