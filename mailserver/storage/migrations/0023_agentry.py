"""What the Agentry face keeps beside inboxes and drafts."""

TABLES = """
CREATE TABLE agent_inbox (
  inbox_id {id}, tenant_id BIGINT NOT NULL, client_id TEXT, metadata TEXT NOT NULL, updated_at BIGINT NOT NULL);
CREATE UNIQUE INDEX agent_inbox_client ON agent_inbox(tenant_id, client_id) WHERE client_id IS NOT NULL;
CREATE TABLE draft (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, message_id BIGINT NOT NULL UNIQUE, client_id TEXT,
  in_reply_to TEXT, forward_of TEXT, marked_id BIGINT, send_at BIGINT, state TEXT NOT NULL, problem TEXT,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX draft_tenant ON draft(tenant_id, updated_at DESC, id DESC);
CREATE INDEX draft_inbox ON draft(inbox_id, updated_at DESC, id DESC);
CREATE UNIQUE INDEX draft_client ON draft(inbox_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX draft_due ON draft(send_at) WHERE state = 'scheduled';
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
