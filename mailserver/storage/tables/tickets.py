"""Tables of tickets."""

import peewee

from mailserver.storage.tables.base import Row


class Ticket(Row):
    """What a team has to do about a thread."""

    thread_id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    status = peewee.TextField()
    priority = peewee.TextField()
    class_label_id = peewee.BigIntegerField(null=True)
    assignee_inbox_id = peewee.BigIntegerField(null=True)
    due_at = peewee.BigIntegerField(null=True)
    reopen_count = peewee.IntegerField(default=0)
    opened_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()
    resolved_at = peewee.BigIntegerField(null=True)
    closed_at = peewee.BigIntegerField(null=True)
    reopened_at = peewee.BigIntegerField(null=True)

    class Meta:
        table_name = "ticket"


class ThreadLink(Row):
    """Another thread that a thread has to do with."""

    thread_id = peewee.BigIntegerField()
    other_thread_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    kind = peewee.TextField()
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "thread_link"
        primary_key = peewee.CompositeKey("thread_id", "other_thread_id")
