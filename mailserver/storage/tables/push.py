"""Subscriptions of clients to new states."""

import peewee

from mailserver.storage.tables.base import Row


class PushSubscription(Row):
    """Where a client wants to be told, and when it is to be looked at next."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField(null=True)
    pod_id = peewee.BigIntegerField(null=True)
    holder = peewee.TextField()
    holder_id = peewee.BigIntegerField()
    device_id = peewee.TextField()
    types = peewee.TextField(null=True)
    sealed = peewee.BlobField()
    host = peewee.TextField()
    is_verified = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    digest = peewee.TextField(null=True)
    attempts = peewee.BigIntegerField()
    due_at = peewee.BigIntegerField(null=True)
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "push_subscription"
