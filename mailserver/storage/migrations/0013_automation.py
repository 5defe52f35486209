"""Alert rules, those of their alerts that wait for a time, and workflow rules with what they did."""

TABLES = """
CREATE TABLE alert (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, events TEXT NOT NULL, delivery TEXT NOT NULL,
  target TEXT NOT NULL, offset_value BIGINT, offset_unit TEXT, conditions TEXT NOT NULL, threshold BIGINT,
  enabled BIGINT NOT NULL, retries BIGINT NOT NULL, backoff TEXT NOT NULL, endpoint_id BIGINT,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX alert_inbox ON alert(inbox_id, id);
CREATE INDEX alert_enabled ON alert(tenant_id, id) WHERE enabled = 1;

CREATE TABLE alert_due (
  id {id}, alert_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, event_id BIGINT NOT NULL, subject TEXT NOT NULL,
  type TEXT NOT NULL, due_at BIGINT NOT NULL, payload TEXT NOT NULL);
CREATE INDEX alert_due_time ON alert_due(due_at, id);
CREATE INDEX alert_due_subject ON alert_due(alert_id, subject);

CREATE TABLE workflow (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, name TEXT NOT NULL, trigger TEXT NOT NULL,
  conditions TEXT NOT NULL, writes TEXT NOT NULL, enabled BIGINT NOT NULL, created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL);
CREATE INDEX workflow_inbox ON workflow(inbox_id, id);
CREATE INDEX workflow_enabled ON workflow(inbox_id, id) WHERE enabled = 1;

CREATE TABLE workflow_run (
  id {id}, rule_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, ran_at BIGINT NOT NULL, message_id BIGINT,
  thread_id BIGINT, result TEXT NOT NULL, writes TEXT NOT NULL);
CREATE INDEX workflow_run_rule ON workflow_run(rule_id, id);
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
