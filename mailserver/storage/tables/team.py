"""Tables of what a team shares."""

import peewee

from mailserver.storage.tables.base import Row


class Template(Row):
    """A text with places to fill in."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    name = peewee.TextField()
    subject = peewee.TextField()
    body = peewee.TextField()
    variables = peewee.TextField()
    created_by = peewee.BigIntegerField(null=True)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "template"


class Note(Row):
    """What a team says among itself about a thread."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    thread_id = peewee.BigIntegerField()
    author_inbox_id = peewee.BigIntegerField()
    author_user_id = peewee.BigIntegerField(null=True)
    body = peewee.TextField()
    mentions = peewee.TextField()
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "note"


class Share(Row):
    """A contact card on its way between inboxes."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    type = peewee.TextField()
    status = peewee.TextField()
    from_inbox_id = peewee.BigIntegerField()
    to_inbox_id = peewee.BigIntegerField()
    contact_id = peewee.BigIntegerField(null=True)
    contact_address = peewee.TextField()
    note = peewee.TextField(null=True)
    labels = peewee.TextField()
    created_at = peewee.BigIntegerField()
    resolved_at = peewee.BigIntegerField(null=True)

    class Meta:
        table_name = "share"
