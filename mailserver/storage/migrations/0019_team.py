"""What a team shares: templates, notes on threads, contact cards; and its lists by tenant."""

TABLES = """
CREATE TABLE template (
  id {id}, tenant_id BIGINT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
  variables TEXT NOT NULL, created_by BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX template_tenant ON template(tenant_id, id);
CREATE TABLE note (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, thread_id BIGINT NOT NULL,
  author_inbox_id BIGINT NOT NULL, author_user_id BIGINT, body TEXT NOT NULL, mentions TEXT NOT NULL,
  created_at BIGINT NOT NULL);
CREATE INDEX note_thread ON note(thread_id, id);
CREATE INDEX note_inbox ON note(inbox_id);
CREATE INDEX note_age ON note(created_at);
CREATE TABLE share (
  id {id}, tenant_id BIGINT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, from_inbox_id BIGINT NOT NULL,
  to_inbox_id BIGINT NOT NULL, contact_id BIGINT, contact_address TEXT NOT NULL, note TEXT, labels TEXT NOT NULL,
  created_at BIGINT NOT NULL, resolved_at BIGINT);
CREATE INDEX share_to ON share(to_inbox_id, status, id);
CREATE INDEX share_from ON share(from_inbox_id, status, id);
CREATE INDEX share_age ON share(status, created_at);
CREATE INDEX distribution_list_tenant ON distribution_list(tenant_id, id);
CREATE INDEX list_member_id ON list_member(list_id, id);
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
