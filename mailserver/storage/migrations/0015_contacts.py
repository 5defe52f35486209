"""Contacts with their search index, what labels say, and what they are on beside mail."""

TABLES = """
CREATE TABLE contact (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, full_name TEXT NOT NULL, emails TEXT NOT NULL,
  phones TEXT NOT NULL, notes TEXT, anniversaries TEXT NOT NULL, created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL);
CREATE INDEX contact_inbox ON contact(inbox_id, id);
CREATE TABLE contact_address (
  inbox_id BIGINT NOT NULL, address TEXT NOT NULL, contact_id BIGINT NOT NULL,
  PRIMARY KEY(inbox_id, address, contact_id)) {without_rowid};
CREATE INDEX contact_address_contact ON contact_address(contact_id);

CREATE TABLE label_entity (
  label_id BIGINT NOT NULL, entity_type TEXT NOT NULL, entity_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL, PRIMARY KEY(label_id, entity_type, entity_id)) {without_rowid};
CREATE INDEX label_entity_inbox ON label_entity(label_id, inbox_id, entity_id);
CREATE INDEX label_entity_entity ON label_entity(entity_type, entity_id);
CREATE INDEX label_entity_closed ON label_entity(inbox_id);

ALTER TABLE label ADD COLUMN color TEXT;
ALTER TABLE label ADD COLUMN label_group TEXT;
ALTER TABLE thread_label ADD COLUMN confidence DOUBLE PRECISION;
"""

SQLITE_SEARCH = """
CREATE VIRTUAL TABLE search_contact USING fts5(
  inbox, name, emails, phones, notes, detail='full', tokenize='unicode61 remove_diacritics 2');
CREATE TRIGGER contact_gone AFTER DELETE ON contact BEGIN DELETE FROM search_contact WHERE rowid = OLD.id; END;
"""


def up(migrator: object, db: object) -> None:
    """Create the tables, the columns and the index."""
    del migrator
    tables = TABLES.format(id="INTEGER PRIMARY KEY", without_rowid="WITHOUT ROWID")
    for statement in (tables + SQLITE_SEARCH).split(";\n"):
        text = statement.strip()
        if text:
            db.execute_sql(f"{text};" if text.endswith(" END") else text)  # type: ignore[attr-defined]
