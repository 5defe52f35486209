"""Calendars, events and tasks."""

import peewee

from mailserver.storage.tables.base import Row


class Calendar(Row):
    """A calendar of an inbox: of events, or of tasks."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    name = peewee.TextField()
    kind = peewee.TextField()
    is_default = peewee.BigIntegerField()
    feed = peewee.BigIntegerField(default=1)
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "calendar"


class CalendarEvent(Row):
    """Something that is at a time."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    calendar_id = peewee.BigIntegerField()
    title = peewee.TextField()
    start_at = peewee.BigIntegerField()
    end_at = peewee.BigIntegerField()
    time_zone = peewee.TextField(null=True)
    description = peewee.TextField(null=True)
    status = peewee.TextField()
    location = peewee.TextField(null=True)
    participants = peewee.TextField()
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "calendar_event"


class Task(Row):
    """Something to be done."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    calendar_id = peewee.BigIntegerField()
    summary = peewee.TextField()
    description = peewee.TextField(null=True)
    due_at = peewee.BigIntegerField(null=True)
    completed_at = peewee.BigIntegerField(null=True)
    thread_id = peewee.BigIntegerField(null=True)
    message_id = peewee.BigIntegerField(null=True)
    share_id = peewee.BigIntegerField(null=True)
    source = peewee.TextField()
    created_by_inbox_id = peewee.BigIntegerField(null=True)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "task"
