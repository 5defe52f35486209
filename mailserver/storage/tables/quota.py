"""What an operator has set for how much is held."""

import peewee

from mailserver.storage.tables.base import Row


class InboxAllotment(Row):
    """How much an inbox holds, and how long its Trash and Junk are kept; NULL is the configured default."""

    inbox_id = peewee.BigIntegerField(primary_key=True)
    most_bytes = peewee.BigIntegerField(null=True)
    most_messages = peewee.BigIntegerField(null=True)
    trash_days = peewee.BigIntegerField(null=True)
    junk_days = peewee.BigIntegerField(null=True)
    changed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "inbox_allotment"


class TenantAllotment(Row):
    """How much all inboxes of a tenant hold together; NULL is no limit."""

    tenant_id = peewee.BigIntegerField(primary_key=True)
    most_bytes = peewee.BigIntegerField(null=True)
    most_messages = peewee.BigIntegerField(null=True)
    changed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "tenant_allotment"
