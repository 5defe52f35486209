"""Pods: what of a tenant's is kept apart from the rest of it. What is there already is in the tenant's own."""

CHANGES = """
CREATE TABLE pod (
  id {id}, tenant_id BIGINT NOT NULL, name TEXT NOT NULL, client_id TEXT, created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL);
CREATE INDEX pod_tenant ON pod(tenant_id, id);
CREATE UNIQUE INDEX pod_client ON pod(tenant_id, client_id) WHERE client_id IS NOT NULL;
INSERT INTO pod SELECT id, id, 'Default', NULL, created_at, created_at FROM tenant;
ALTER TABLE inbox ADD COLUMN pod_id BIGINT NOT NULL DEFAULT 0;
UPDATE inbox SET pod_id = tenant_id;
CREATE INDEX inbox_pod ON inbox(pod_id, id);
ALTER TABLE domain ADD COLUMN pod_id BIGINT NOT NULL DEFAULT 0;
UPDATE domain SET pod_id = tenant_id;
CREATE INDEX domain_pod ON domain(pod_id, name);
ALTER TABLE token ADD COLUMN pod_id BIGINT;
UPDATE token SET pod_id = tenant_id WHERE kind = 'api_key' AND inbox_id IS NOT NULL;
CREATE INDEX token_pod_page ON token(pod_id, kind, id) WHERE pod_id IS NOT NULL;
ALTER TABLE agent_inbox ADD COLUMN pod_id BIGINT NOT NULL DEFAULT 0;
UPDATE agent_inbox SET pod_id = tenant_id;
DROP INDEX agent_inbox_client;
CREATE UNIQUE INDEX agent_inbox_client ON agent_inbox(tenant_id, client_id, pod_id) WHERE client_id IS NOT NULL;
ALTER TABLE agent_webhook ADD COLUMN pod_id BIGINT NOT NULL DEFAULT 0;
UPDATE agent_webhook SET pod_id = tenant_id
  WHERE endpoint_id IN (SELECT id FROM webhook_endpoint WHERE inbox_id IS NOT NULL);
DROP INDEX agent_webhook_client;
CREATE UNIQUE INDEX agent_webhook_client ON agent_webhook(tenant_id, client_id, pod_id) WHERE client_id IS NOT NULL;
CREATE INDEX agent_webhook_pod ON agent_webhook(pod_id, endpoint_id);
ALTER TABLE draft ADD COLUMN pod_id BIGINT NOT NULL DEFAULT 0;
UPDATE draft SET pod_id = tenant_id;
CREATE INDEX draft_pod ON draft(pod_id, updated_at DESC, id DESC);
"""


def up(migrator: object, db: object) -> None:
    """Make each tenant its pod, and put what it has into it."""
    del migrator
    for statement in CHANGES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
