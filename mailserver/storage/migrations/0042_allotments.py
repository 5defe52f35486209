"""What an operator has set for an inbox or a tenant: how much it holds, and how long Trash and Junk are kept."""

CHANGES = """
CREATE TABLE inbox_allotment (
  inbox_id {id}, most_bytes BIGINT, most_messages BIGINT, trash_days BIGINT, junk_days BIGINT,
  changed_at BIGINT NOT NULL);
CREATE TABLE tenant_allotment (
  tenant_id {id}, most_bytes BIGINT, most_messages BIGINT, changed_at BIGINT NOT NULL);
CREATE INDEX folder_passing ON folder(role, inbox_id) WHERE role IN ('trash', 'junk')
"""


def up(migrator: object, db: object) -> None:
    """Create the tables."""
    del migrator
    for statement in CHANGES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        db.execute_sql(statement)  # type: ignore[attr-defined]
