"""What was promised, by an inbox to a contact or by the contact."""

TABLES = """
CREATE TABLE commitment (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, contact_id BIGINT, contact_address TEXT NOT NULL,
  text TEXT NOT NULL, owner TEXT NOT NULL, status TEXT NOT NULL, due_at BIGINT, thread_id BIGINT,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX commitment_inbox ON commitment(inbox_id, id);
CREATE INDEX commitment_status ON commitment(inbox_id, status, id);
CREATE INDEX commitment_address ON commitment(inbox_id, contact_address, id);
CREATE INDEX commitment_contact ON commitment(contact_id, id) WHERE contact_id IS NOT NULL;
CREATE INDEX commitment_thread ON commitment(thread_id) WHERE thread_id IS NOT NULL;
"""


def up(migrator: object, db: object) -> None:
    """Create the table."""
    del migrator
    for statement in TABLES.format(id="INTEGER PRIMARY KEY").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
