"""What the Agentry face keeps beside inboxes and drafts."""

import peewee

from mailserver.storage.tables.base import Row


class Pod(Row):
    """A part of a tenant that is kept apart from the rest of it."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    name = peewee.TextField()
    client_id = peewee.TextField(null=True)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "pod"


class AgentInbox(Row):
    """What a client has said of an inbox that it made."""

    inbox_id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    client_id = peewee.TextField(null=True)
    metadata = peewee.TextField()
    updated_at = peewee.BigIntegerField()
    pod_id = peewee.BigIntegerField(default=0)

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
    pod_id = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "draft"


class AgentWebhook(Row):
    """What a client has said of a webhook that it made: its own name for it, and what it is about."""

    endpoint_id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    client_id = peewee.TextField(null=True)
    inbox_ids = peewee.TextField()
    pod_ids = peewee.TextField()
    pod_id = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "agent_webhook"


class EventTold(Row):
    """An event that those who listen just now are told of, in the order of commits."""

    position = peewee.AutoField()
    event_id = peewee.BigIntegerField()
    tenant_id = peewee.BigIntegerField()
    at = peewee.BigIntegerField()

    class Meta:
        table_name = "event_told"
