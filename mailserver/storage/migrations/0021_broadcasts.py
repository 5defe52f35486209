"""Broadcasts, who got them, their links, and who wants no more of them."""

TABLES = """
CREATE TABLE broadcast (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, label_id BIGINT NOT NULL, label_key TEXT NOT NULL,
  label_name TEXT NOT NULL, message_id BIGINT NOT NULL, subject TEXT NOT NULL, status TEXT NOT NULL,
  sent_count BIGINT NOT NULL DEFAULT 0, suppressed_count BIGINT NOT NULL DEFAULT 0,
  delivered_count BIGINT NOT NULL DEFAULT 0, bounced_count BIGINT NOT NULL DEFAULT 0,
  spam_complaint_count BIGINT NOT NULL DEFAULT 0, open_count BIGINT NOT NULL DEFAULT 0,
  click_count BIGINT NOT NULL DEFAULT 0, open_deliveries BIGINT NOT NULL DEFAULT 0,
  cursor BIGINT NOT NULL DEFAULT 0, last_contact_id BIGINT NOT NULL, is_moving BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX broadcast_inbox ON broadcast(inbox_id, id);
CREATE INDEX broadcast_at_work ON broadcast(id) WHERE is_moving = 1 OR status IN ('queued', 'sending');
CREATE TABLE broadcast_text (
  broadcast_id {id}, inbox_id BIGINT NOT NULL, text TEXT, html TEXT);
CREATE INDEX broadcast_text_inbox ON broadcast_text(inbox_id);
CREATE TABLE broadcast_recipient (
  id {id}, broadcast_id BIGINT NOT NULL, contact_id BIGINT NOT NULL, address TEXT NOT NULL, fate BIGINT NOT NULL,
  is_complaint BIGINT NOT NULL DEFAULT 0, opened_at BIGINT);
CREATE UNIQUE INDEX broadcast_recipient_address ON broadcast_recipient(broadcast_id, address);
CREATE INDEX broadcast_recipient_fate ON broadcast_recipient(broadcast_id, fate, id);
CREATE TABLE broadcast_link (
  id TEXT NOT NULL PRIMARY KEY, broadcast_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, url TEXT NOT NULL,
  click_count BIGINT NOT NULL DEFAULT 0);
CREATE INDEX broadcast_link_inbox ON broadcast_link(inbox_id);
CREATE TABLE opt_out (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, label_key TEXT NOT NULL, address TEXT NOT NULL,
  broadcast_id BIGINT NOT NULL, opted_out_at BIGINT NOT NULL);
CREATE UNIQUE INDEX opt_out_address ON opt_out(inbox_id, label_key, address);
CREATE INDEX opt_out_inbox ON opt_out(inbox_id, id);
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
