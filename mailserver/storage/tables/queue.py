"""Deliveries, attempts and suppressions."""

import peewee

from mailserver.storage.tables.base import Row


class Queued(Row):
    """What all recipients of one submission share."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    message_id = peewee.BigIntegerField(null=True)
    thread_id = peewee.BigIntegerField(null=True)
    header_id = peewee.TextField()
    subject = peewee.TextField()
    sender = peewee.TextField()
    domain = peewee.TextField()
    location = peewee.TextField()
    size = peewee.BigIntegerField()
    eight_bit = peewee.BigIntegerField()
    smtputf8 = peewee.BigIntegerField()
    require_tls = peewee.BigIntegerField()
    ret = peewee.TextField(null=True)
    envid = peewee.TextField(null=True)
    source = peewee.TextField()
    forwarded_by = peewee.TextField(null=True)
    open_deliveries = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    release_at = peewee.BigIntegerField(null=True)
    by_at = peewee.BigIntegerField(null=True)
    by_mode = peewee.TextField(null=True)
    header_hash = peewee.BigIntegerField(null=True)

    class Meta:
        table_name = "queued"


class Delivery(Row):
    """One recipient of a queued message."""

    id = peewee.BigIntegerField(primary_key=True)
    queued_id = peewee.BigIntegerField()
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    recipient = peewee.TextField()
    domain = peewee.TextField()
    state = peewee.TextField()
    notify = peewee.TextField(null=True)
    orcpt = peewee.TextField(null=True)
    attempts = peewee.BigIntegerField(default=0)
    next_attempt_at = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    finished_at = peewee.BigIntegerField(null=True)
    last_reply = peewee.TextField(null=True)
    last_host = peewee.TextField(null=True)
    tls = peewee.TextField(null=True)
    delay_notified = peewee.BigIntegerField(default=0)
    lease_owner = peewee.TextField(null=True)
    lease_until = peewee.BigIntegerField(default=0)
    priority = peewee.BigIntegerField(default=0)
    by_notified = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "delivery"


class Attempt(Row):
    """One try to deliver."""

    id = peewee.BigIntegerField(primary_key=True)
    delivery_id = peewee.BigIntegerField()
    started_at = peewee.BigIntegerField()
    finished_at = peewee.BigIntegerField(null=True)
    host = peewee.TextField(null=True)
    reply = peewee.TextField(null=True)
    tls = peewee.TextField(null=True)
    result = peewee.TextField(null=True)

    class Meta:
        table_name = "attempt"


class Suppression(Row):
    """An address that an inbox does not write to."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    address = peewee.TextField()
    reason = peewee.TextField()
    source = peewee.TextField()
    delivery_id = peewee.BigIntegerField(null=True)
    suppressed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "suppression"
