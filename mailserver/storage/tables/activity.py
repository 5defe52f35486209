"""Timelines and relationships."""

import peewee

from mailserver.storage.tables.base import Row


class Activity(Row):
    """An entry of the timeline of an address."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    address = peewee.TextField()
    type = peewee.TextField()
    resource_id = peewee.TextField()
    message_id = peewee.BigIntegerField(null=True)
    occurred_at = peewee.BigIntegerField()
    summary = peewee.TextField()
    participants = peewee.TextField()
    metadata = peewee.TextField()

    class Meta:
        table_name = "activity"


class Relationship(Row):
    """How much an inbox and an address have to do with each other."""

    inbox_id = peewee.BigIntegerField()
    address = peewee.TextField()
    outbound = peewee.DoubleField()
    inbound = peewee.DoubleField()
    outbound_count = peewee.BigIntegerField()
    inbound_count = peewee.BigIntegerField()
    last_at = peewee.BigIntegerField()
    rank = peewee.DoubleField()

    class Meta:
        table_name = "relationship"
        primary_key = peewee.CompositeKey("inbox_id", "address")
