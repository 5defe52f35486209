"""Policies of MTA-STS that were fetched. Times are unix milliseconds."""

TABLES = """
CREATE TABLE sts_policy (
  domain TEXT PRIMARY KEY, policy_id TEXT NOT NULL, body {bytes} NOT NULL, fetched_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL, checked_at BIGINT NOT NULL, used_at BIGINT NOT NULL);
CREATE INDEX sts_policy_checked ON sts_policy(checked_at);
CREATE INDEX sts_policy_expires ON sts_policy(expires_at);
"""


def up(migrator: object, db: object) -> None:
    """Create the table."""
    del migrator
    for statement in TABLES.format(bytes="BLOB").split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
