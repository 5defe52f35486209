"""Tickets of threads, and threads that began beside others."""

TABLES = """
CREATE TABLE ticket (
  thread_id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, status TEXT NOT NULL, priority TEXT NOT NULL,
  class_label_id BIGINT, assignee_inbox_id BIGINT, due_at BIGINT, reopen_count INTEGER NOT NULL DEFAULT 0,
  opened_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, resolved_at BIGINT, closed_at BIGINT, reopened_at BIGINT);
CREATE INDEX ticket_inbox ON ticket(inbox_id, updated_at, thread_id);
CREATE INDEX ticket_status ON ticket(inbox_id, status, updated_at, thread_id);
CREATE INDEX ticket_class ON ticket(class_label_id) WHERE class_label_id IS NOT NULL;
CREATE INDEX ticket_assignee ON ticket(assignee_inbox_id) WHERE assignee_inbox_id IS NOT NULL;
CREATE TABLE thread_link (
  thread_id BIGINT NOT NULL, other_thread_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, kind TEXT NOT NULL,
  created_at BIGINT NOT NULL, PRIMARY KEY (thread_id, other_thread_id)) {without_rowid};
CREATE INDEX thread_link_other ON thread_link(other_thread_id);
CREATE INDEX thread_link_inbox ON thread_link(inbox_id);
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY", without_rowid="WITHOUT ROWID").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
