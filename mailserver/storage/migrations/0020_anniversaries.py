"""The days of the year on which something is to be told about a contact."""

TABLES = """
CREATE TABLE contact_day (
  contact_id BIGINT NOT NULL, type TEXT NOT NULL, day TEXT NOT NULL, inbox_id BIGINT NOT NULL, first_year BIGINT,
  told_year BIGINT NOT NULL DEFAULT 0, PRIMARY KEY(contact_id, type, day));
CREATE INDEX contact_day_day ON contact_day(day, contact_id);
CREATE INDEX contact_day_inbox ON contact_day(inbox_id);
INSERT INTO contact_day(contact_id, type, day, inbox_id, first_year)
  SELECT c.id, json_extract(j.value, '$[0]'), substr(json_extract(j.value, '$[1]'), -5), c.inbox_id,
    CASE WHEN json_extract(j.value, '$[1]') LIKE '--%' THEN NULL
    ELSE CAST(substr(json_extract(j.value, '$[1]'), 1, 4) AS INTEGER) END
  FROM contact c, json_each(c.anniversaries) j WHERE true ON CONFLICT DO NOTHING;
"""


def up(migrator: object, db: object) -> None:
    """Create the table, and fill it with what contacts say."""
    del migrator
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
