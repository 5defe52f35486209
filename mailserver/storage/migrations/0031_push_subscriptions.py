"""Where clients want to be told of new states (RFC 8620 7.2)."""

TABLES = """
CREATE TABLE push_subscription (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT, pod_id BIGINT, holder TEXT NOT NULL, holder_id BIGINT NOT NULL,
  device_id TEXT NOT NULL, types TEXT, sealed {blob} NOT NULL, host TEXT NOT NULL, is_verified BIGINT NOT NULL,
  expires_at BIGINT NOT NULL, digest TEXT, attempts BIGINT NOT NULL, due_at BIGINT, created_at BIGINT NOT NULL);
CREATE INDEX push_subscription_holder ON push_subscription(holder, holder_id, id);
CREATE INDEX push_subscription_tenant ON push_subscription(tenant_id);
CREATE INDEX push_subscription_inbox ON push_subscription(inbox_id) WHERE inbox_id IS NOT NULL;
CREATE INDEX push_subscription_due ON push_subscription(due_at) WHERE due_at IS NOT NULL;
CREATE INDEX push_subscription_age ON push_subscription(expires_at)
"""


def up(migrator: object, db: object) -> None:
    """Create the table."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY", blob="BLOB").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
