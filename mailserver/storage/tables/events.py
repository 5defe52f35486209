"""Events, idempotency keys, and who holds what."""

import peewee

from mailserver.storage.tables.base import Row


class Event(Row):
    """One line of the event log."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    type = peewee.TextField()
    occurred_at = peewee.BigIntegerField()
    body = peewee.TextField()

    class Meta:
        table_name = "event"


class Idempotency(Row):
    """The answer to a request that may be repeated."""

    tenant_id = peewee.BigIntegerField()
    key = peewee.TextField()
    fingerprint = peewee.TextField()
    status = peewee.BigIntegerField()
    answer = peewee.TextField()
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "idempotency"
        primary_key = peewee.CompositeKey("tenant_id", "key")


class Applied(Row):
    """Highest journal sequence of a node whose rows are in."""

    node = peewee.BigIntegerField(primary_key=True)
    sequence = peewee.BigIntegerField()

    class Meta:
        table_name = "applied"


class Lease(Row):
    """Who does a periodic job, until when."""

    name = peewee.TextField(primary_key=True)
    owner = peewee.TextField()
    until = peewee.BigIntegerField()

    class Meta:
        table_name = "lease"
