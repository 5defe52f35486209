"""Permissions of API keys, and webhooks as applications make them."""

CHANGES = """
ALTER TABLE token ADD COLUMN permissions TEXT;
ALTER TABLE token ADD COLUMN updated_at BIGINT;
CREATE INDEX token_page ON token(tenant_id, kind, id);
CREATE INDEX token_inbox_page ON token(inbox_id, kind, id) WHERE inbox_id IS NOT NULL;
CREATE TABLE agent_webhook (
  endpoint_id {id}, tenant_id BIGINT NOT NULL, client_id TEXT, inbox_ids TEXT NOT NULL, pod_ids TEXT NOT NULL);
CREATE UNIQUE INDEX agent_webhook_client ON agent_webhook(tenant_id, client_id) WHERE client_id IS NOT NULL;
CREATE TABLE event_told (
  position INTEGER PRIMARY KEY AUTOINCREMENT, event_id BIGINT NOT NULL, tenant_id BIGINT NOT NULL, at BIGINT NOT NULL);
CREATE INDEX event_told_at ON event_told(at);
"""


def up(migrator: object, db: object) -> None:
    """Change the tables."""
    del migrator
    for statement in CHANGES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
