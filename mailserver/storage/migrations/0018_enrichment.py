"""What is added to mail behind its delivery: switches, work that waits, suggestions and summaries."""

TABLES = """
CREATE TABLE enrichment (
  inbox_id {id}, tenant_id BIGINT NOT NULL, thread_summary BIGINT NOT NULL, label_suggest BIGINT NOT NULL,
  calendar_suggest BIGINT NOT NULL, provider TEXT, endpoint TEXT, model TEXT, changed_at BIGINT NOT NULL);
CREATE TABLE enrichment_key (inbox_id {id}, api_key TEXT NOT NULL);
CREATE TABLE enrichment_request (
  kind TEXT NOT NULL, object_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, asked_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL, attempts BIGINT NOT NULL DEFAULT 0, PRIMARY KEY(kind, object_id)) {without_rowid};
CREATE INDEX enrichment_request_due ON enrichment_request(inbox_id, due_at);

CREATE TABLE label_suggestion (
  message_id BIGINT NOT NULL, label_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, confidence REAL NOT NULL,
  state TEXT NOT NULL, changed_at BIGINT NOT NULL, PRIMARY KEY(message_id, label_id)) {without_rowid};
CREATE INDEX label_suggestion_label ON label_suggestion(label_id);
CREATE INDEX label_suggestion_inbox ON label_suggestion(inbox_id, state, message_id);
CREATE TABLE event_suggestion (
  message_id {id}, inbox_id BIGINT NOT NULL, title TEXT NOT NULL, start_at BIGINT NOT NULL, end_at BIGINT NOT NULL,
  location TEXT, description TEXT, participants TEXT NOT NULL, state TEXT NOT NULL, event_id BIGINT,
  changed_at BIGINT NOT NULL);
CREATE INDEX event_suggestion_inbox ON event_suggestion(inbox_id);
CREATE TABLE thread_summary (
  thread_id {id}, inbox_id BIGINT NOT NULL, summary TEXT NOT NULL, decisions TEXT NOT NULL, action_items TEXT NOT NULL,
  status TEXT NOT NULL, last_message_id BIGINT NOT NULL, message_count BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX thread_summary_inbox ON thread_summary(inbox_id);

CREATE INDEX message_label_inbox ON message_label(inbox_id, message_id);
CREATE TABLE label_example (
  inbox_id BIGINT NOT NULL, message_id BIGINT NOT NULL, PRIMARY KEY(inbox_id, message_id)) {without_rowid};
CREATE INDEX label_example_message ON label_example(message_id);
"""

SQLITE_SEARCH = """
CREATE VIRTUAL TABLE search_example USING fts5(words, tokenize='ascii');
CREATE VIRTUAL TABLE search_example_term USING fts5vocab('search_example', 'row');
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    statements = TABLES.format(id="INTEGER PRIMARY KEY", without_rowid="WITHOUT ROWID") + SQLITE_SEARCH
    for statement in statements.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
