"""The event feed, webhook endpoints and their deliveries."""

import peewee

from mailserver.storage.tables.base import Row


class EventFeed(Row):
    """An event that is still to be handed out."""

    position = peewee.AutoField()
    event_id = peewee.BigIntegerField()

    class Meta:
        table_name = "event_feed"


class WebhookEndpoint(Row):
    """Where events are sent, and when it is to be looked at next."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField(null=True)
    origin = peewee.TextField()
    origin_id = peewee.BigIntegerField(null=True)
    url = peewee.TextField()
    host = peewee.TextField()
    description = peewee.TextField()
    event_types = peewee.TextField()
    header_names = peewee.TextField()
    headers = peewee.BlobField(null=True)
    secret = peewee.BlobField()
    previous_secret = peewee.BlobField(null=True)
    previous_until = peewee.BigIntegerField(null=True)
    enabled = peewee.BigIntegerField()
    disabled_reason = peewee.TextField(null=True)
    failing_since = peewee.BigIntegerField(null=True)
    due_at = peewee.BigIntegerField(null=True)
    blocked_until = peewee.BigIntegerField(default=0)
    lease_owner = peewee.TextField(null=True)
    lease_until = peewee.BigIntegerField(default=0)
    waiting = peewee.BigIntegerField(default=0)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()
    removed_at = peewee.BigIntegerField(null=True)

    class Meta:
        table_name = "webhook_endpoint"


class WebhookDelivery(Row):
    """An event on its way to an endpoint."""

    id = peewee.BigIntegerField(primary_key=True)
    endpoint_id = peewee.BigIntegerField()
    event_id = peewee.BigIntegerField()
    type = peewee.TextField()
    body = peewee.TextField()
    state = peewee.TextField()
    attempts = peewee.BigIntegerField(default=0)
    retries = peewee.BigIntegerField(null=True)
    backoff = peewee.TextField(null=True)
    order_at = peewee.BigIntegerField()
    next_attempt_at = peewee.BigIntegerField(null=True)
    created_at = peewee.BigIntegerField()
    finished_at = peewee.BigIntegerField(null=True)
    status = peewee.BigIntegerField(null=True)
    duration_ms = peewee.BigIntegerField(null=True)
    error = peewee.TextField(null=True)

    class Meta:
        table_name = "webhook_delivery"
