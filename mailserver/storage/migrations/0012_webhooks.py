"""The feed of events that are still to be handed out, webhook endpoints, and what is on its way to them."""

TABLES = """
CREATE TABLE event_feed (position INTEGER PRIMARY KEY AUTOINCREMENT, event_id BIGINT NOT NULL);
CREATE INDEX event_inbox_type ON event(inbox_id, type, id);
CREATE INDEX event_tenant_type ON event(tenant_id, type, id);
CREATE TABLE webhook_endpoint (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT, origin TEXT NOT NULL, origin_id BIGINT, url TEXT NOT NULL,
  host TEXT NOT NULL, description TEXT NOT NULL, event_types TEXT NOT NULL, header_names TEXT NOT NULL,
  headers {bytes}, secret {bytes} NOT NULL, previous_secret {bytes}, previous_until BIGINT, enabled BIGINT NOT NULL,
  disabled_reason TEXT, failing_since BIGINT, due_at BIGINT, blocked_until BIGINT NOT NULL DEFAULT 0,
  lease_owner TEXT, lease_until BIGINT NOT NULL DEFAULT 0, waiting BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, removed_at BIGINT);
CREATE INDEX webhook_endpoint_tenant ON webhook_endpoint(tenant_id, id);
CREATE INDEX webhook_endpoint_inbox ON webhook_endpoint(inbox_id, id) WHERE inbox_id IS NOT NULL;
CREATE INDEX webhook_endpoint_origin ON webhook_endpoint(origin, origin_id) WHERE origin_id IS NOT NULL;
CREATE INDEX webhook_endpoint_due ON webhook_endpoint(due_at) WHERE due_at IS NOT NULL AND enabled = 1;
CREATE INDEX webhook_endpoint_removed ON webhook_endpoint(removed_at) WHERE removed_at IS NOT NULL;
CREATE TABLE webhook_delivery (
  id {id}, endpoint_id BIGINT NOT NULL, event_id BIGINT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL,
  state TEXT NOT NULL, attempts BIGINT NOT NULL DEFAULT 0, retries BIGINT, backoff TEXT, order_at BIGINT NOT NULL,
  next_attempt_at BIGINT, created_at BIGINT NOT NULL, finished_at BIGINT, status BIGINT, duration_ms BIGINT,
  error TEXT);
CREATE INDEX webhook_delivery_line ON webhook_delivery(endpoint_id, order_at, id) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_log ON webhook_delivery(endpoint_id, id);
CREATE INDEX webhook_delivery_state ON webhook_delivery(endpoint_id, state, id);
CREATE INDEX webhook_delivery_old ON webhook_delivery(finished_at) WHERE finished_at IS NOT NULL;
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY", bytes="BLOB").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
