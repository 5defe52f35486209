"""Calendars with their events, and tasks. Every inbox that is there gets the two that a new one is made with."""

TABLES = """
CREATE TABLE calendar (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
  is_default BIGINT NOT NULL, feed BIGINT NOT NULL DEFAULT 1, created_at BIGINT NOT NULL);
CREATE UNIQUE INDEX calendar_name ON calendar(inbox_id, name);

CREATE TABLE calendar_event (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, calendar_id BIGINT NOT NULL, title TEXT NOT NULL,
  start_at BIGINT NOT NULL, end_at BIGINT NOT NULL, time_zone TEXT, description TEXT, status TEXT NOT NULL,
  location TEXT, participants TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX calendar_event_inbox ON calendar_event(inbox_id, start_at, id);
CREATE INDEX calendar_event_calendar ON calendar_event(calendar_id, start_at, id);

CREATE TABLE task (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, calendar_id BIGINT NOT NULL, summary TEXT NOT NULL,
  description TEXT, due_at BIGINT, completed_at BIGINT, thread_id BIGINT, message_id BIGINT, share_id BIGINT,
  source TEXT NOT NULL, created_by_inbox_id BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX task_inbox ON task(inbox_id, id);
CREATE INDEX task_open ON task(inbox_id, due_at, id) WHERE completed_at IS NULL;
CREATE INDEX task_done ON task(inbox_id, id) WHERE completed_at IS NOT NULL;
CREATE INDEX task_calendar ON task(calendar_id, id);
CREATE INDEX task_thread ON task(thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX task_message ON task(message_id) WHERE message_id IS NOT NULL;

INSERT INTO calendar(id, tenant_id, inbox_id, name, kind, is_default, created_at)
  SELECT id, tenant_id, id, 'Calendar', 'events', 1, created_at FROM inbox WHERE status != 'deleted';
INSERT INTO calendar(id, tenant_id, inbox_id, name, kind, is_default, created_at)
  SELECT MIN(f.id), i.tenant_id, i.id, 'Tasks', 'tasks', 1, i.created_at
  FROM inbox i JOIN folder f ON f.inbox_id = i.id WHERE i.status != 'deleted' GROUP BY i.id;
"""
# No two things have the same id, whatever they are: an inbox's own and that of its first folder are free here.


def up(migrator: object, db: object) -> None:
    """Create the tables, and the calendars of the inboxes that are there."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
