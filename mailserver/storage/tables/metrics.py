"""What happened, as numbers, and how much there was of everything."""

import peewee

from mailserver.storage.tables.base import Row


class Metric(Row):
    """An event as it is counted, under its name among applications; it has the event's id."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    name = peewee.TextField()
    at = peewee.BigIntegerField()
    recipients = peewee.BigIntegerField()

    class Meta:
        table_name = "metric"


class UsageLevel(Row):
    """How much there was of everything from a time on: in a tenant, in a pod or in an inbox, 0 standing for all."""

    tenant_id = peewee.BigIntegerField()
    pod_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    at = peewee.BigIntegerField()
    storage_bytes = peewee.BigIntegerField()
    message_count = peewee.BigIntegerField()
    thread_count = peewee.BigIntegerField()
    inbox_count = peewee.BigIntegerField()
    pod_count = peewee.BigIntegerField()
    domain_count = peewee.BigIntegerField()

    class Meta:
        table_name = "usage_level"
        primary_key = peewee.CompositeKey("tenant_id", "pod_id", "inbox_id", "at")
