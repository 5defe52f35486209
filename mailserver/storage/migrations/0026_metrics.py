"""What happened, as numbers, and how much there was of everything at what time; where to go on listening from."""

# What was handed out already is counted here; the rest is when it is handed out. Names are those of the applications.
NAMES = {
    "message.received": "message.received", "message.received.spam": "message.received.spam",
    "message.received.blocked": "message.received.blocked", "message.sent": "message.sent",
    "message.delivered": "message.delivered", "message.bounced": "message.bounced",
    "message.complained": "message.complained", "message.suppressed": "message.rejected",
    "message.opened": "message.opened", "domain.verified": "domain.verified",
}  # fmt: skip
TABLES = """
CREATE TABLE metric (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, name TEXT NOT NULL, at BIGINT NOT NULL,
  recipients BIGINT NOT NULL);
CREATE INDEX metric_tenant ON metric(tenant_id, name, at, recipients);
CREATE INDEX metric_inbox ON metric(inbox_id, name, at, recipients);
CREATE TABLE usage_level (
  tenant_id BIGINT NOT NULL, pod_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, at BIGINT NOT NULL,
  storage_bytes BIGINT NOT NULL, message_count BIGINT NOT NULL, thread_count BIGINT NOT NULL,
  inbox_count BIGINT NOT NULL, pod_count BIGINT NOT NULL, domain_count BIGINT NOT NULL,
  PRIMARY KEY(tenant_id, pod_id, inbox_id, at)) {without_rowid};
CREATE INDEX usage_level_inbox ON usage_level(inbox_id);
CREATE INDEX usage_level_at ON usage_level(at);
CREATE INDEX event_told_event ON event_told(event_id);
"""
EARLIER = """
INSERT INTO metric(id, tenant_id, inbox_id, name, at, recipients)
SELECT e.id, e.tenant_id, e.inbox_id, ?, e.occurred_at, 1 FROM event e
WHERE e.type = ? AND e.id NOT IN (SELECT event_id FROM event_feed)
"""


def up(migrator: object, db: object) -> None:
    """Create the tables, and count what happened before."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY", without_rowid="WITHOUT ROWID").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
    for kind, name in NAMES.items():
        db.execute_sql(EARLIER, (name, kind))  # type: ignore[attr-defined]
