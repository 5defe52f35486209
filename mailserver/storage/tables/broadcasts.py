"""Broadcasts, their recipients and links, and opt-outs."""

import peewee

from mailserver.storage.tables.base import Row


class Broadcast(Row):
    """A broadcast with its counts."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    label_id = peewee.BigIntegerField()
    label_key = peewee.TextField()
    label_name = peewee.TextField()
    message_id = peewee.BigIntegerField()
    subject = peewee.TextField()
    status = peewee.TextField()
    sent_count = peewee.BigIntegerField(default=0)
    suppressed_count = peewee.BigIntegerField(default=0)
    delivered_count = peewee.BigIntegerField(default=0)
    bounced_count = peewee.BigIntegerField(default=0)
    spam_complaint_count = peewee.BigIntegerField(default=0)
    open_count = peewee.BigIntegerField(default=0)
    click_count = peewee.BigIntegerField(default=0)
    open_deliveries = peewee.BigIntegerField(default=0)
    cursor = peewee.BigIntegerField(default=0)
    last_contact_id = peewee.BigIntegerField()
    is_moving = peewee.BigIntegerField(default=0)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "broadcast"


class BroadcastText(Row):
    """What a broadcast says."""

    broadcast_id = peewee.BigIntegerField(primary_key=True)
    inbox_id = peewee.BigIntegerField()
    text = peewee.TextField(null=True)
    html = peewee.TextField(null=True)

    class Meta:
        table_name = "broadcast_text"


class BroadcastRecipient(Row):
    """One address of a broadcast."""

    id = peewee.BigIntegerField(primary_key=True)
    broadcast_id = peewee.BigIntegerField()
    contact_id = peewee.BigIntegerField()
    address = peewee.TextField()
    fate = peewee.BigIntegerField()
    is_complaint = peewee.BigIntegerField(default=0)
    opened_at = peewee.BigIntegerField(null=True)

    class Meta:
        table_name = "broadcast_recipient"


class BroadcastLink(Row):
    """A link of a broadcast's HTML."""

    id = peewee.TextField(primary_key=True)
    broadcast_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    url = peewee.TextField()
    click_count = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "broadcast_link"


class OptOut(Row):
    """An address that wants no more broadcasts of one label from one inbox."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    label_key = peewee.TextField()
    address = peewee.TextField()
    broadcast_id = peewee.BigIntegerField()
    opted_out_at = peewee.BigIntegerField()

    class Meta:
        table_name = "opt_out"
