"""What the Agentry face keeps beside inboxes and drafts."""

import peewee

from mailserver.storage.tables.base import Row


class AgentInbox(Row):
    """What a client has said of an inbox that it made."""

    inbox_id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    client_id = peewee.TextField(null=True)
    metadata = peewee.TextField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "agent_inbox"


class Draft(Row):
    """A draft: which message it is at present, and what is to become of it."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    message_id = peewee.BigIntegerField(unique=True)
    client_id = peewee.TextField(null=True)
    in_reply_to = peewee.TextField(null=True)
    forward_of = peewee.TextField(null=True)
    marked_id = peewee.BigIntegerField(null=True)
    send_at = peewee.BigIntegerField(null=True)
    state = peewee.TextField()
    problem = peewee.TextField(null=True)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "draft"
