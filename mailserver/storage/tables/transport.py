"""What other domains ask of the transport of their mail."""

import peewee

from mailserver.storage.tables.base import Row


class StsPolicy(Row):
    """A domain's MTA-STS policy, as it was fetched; the nodes share it."""

    domain = peewee.TextField(primary_key=True)
    policy_id = peewee.TextField()
    body = peewee.BlobField()
    fetched_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    checked_at = peewee.BigIntegerField()
    used_at = peewee.BigIntegerField()

    class Meta:
        table_name = "sts_policy"
