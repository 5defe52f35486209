"""Calendars, events, tasks and contacts."""

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


class Contact(Row):
    """Somebody whom an inbox knows."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    full_name = peewee.TextField()
    emails = peewee.TextField()
    phones = peewee.TextField()
    notes = peewee.TextField(null=True)
    anniversaries = peewee.TextField()
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "contact"


class ContactAddress(Row):
    """An address of a contact, in normal form."""

    inbox_id = peewee.BigIntegerField()
    address = peewee.TextField()
    contact_id = peewee.BigIntegerField()

    class Meta:
        table_name = "contact_address"
        primary_key = peewee.CompositeKey("inbox_id", "address", "contact_id")


class ContactDay(Row):
    """A day of the year on which something is told about a contact."""

    contact_id = peewee.BigIntegerField()
    type = peewee.TextField()
    day = peewee.TextField()
    inbox_id = peewee.BigIntegerField()
    first_year = peewee.BigIntegerField(null=True)
    told_year = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "contact_day"
        primary_key = peewee.CompositeKey("contact_id", "type", "day")


class LabelEntity(Row):
    """A label on something that is no mail."""

    label_id = peewee.BigIntegerField()
    entity_type = peewee.TextField()
    entity_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "label_entity"
        primary_key = peewee.CompositeKey("label_id", "entity_type", "entity_id")


class Commitment(Row):
    """Something that was promised."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    contact_id = peewee.BigIntegerField(null=True)
    contact_address = peewee.TextField()
    text = peewee.TextField()
    owner = peewee.TextField()
    status = peewee.TextField()
    due_at = peewee.BigIntegerField(null=True)
    thread_id = peewee.BigIntegerField(null=True)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "commitment"
