"""Switches of enrichment, work that waits, suggestions and summaries."""

import peewee

from mailserver.storage.tables.base import Row


class Enrichment(Row):
    """What an inbox has switched on, and who is asked; no provider is the operator's choice."""

    inbox_id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    thread_summary = peewee.BigIntegerField()
    label_suggest = peewee.BigIntegerField()
    calendar_suggest = peewee.BigIntegerField()
    provider = peewee.TextField(null=True)
    endpoint = peewee.TextField(null=True)
    model = peewee.TextField(null=True)
    changed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "enrichment"


class EnrichmentKey(Row):
    """The key by which an inbox's endpoint knows it: apart, so that no query of the switches brings it along."""

    inbox_id = peewee.BigIntegerField(primary_key=True)
    api_key = peewee.TextField()

    class Meta:
        table_name = "enrichment_key"


class EnrichmentRequest(Row):
    """A message or thread that is to be looked at, not before `due_at`."""

    kind = peewee.TextField()
    object_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    asked_at = peewee.BigIntegerField()
    due_at = peewee.BigIntegerField()
    attempts = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "enrichment_request"
        primary_key = peewee.CompositeKey("kind", "object_id")


class LabelSuggestion(Row):
    """A label that may fit a message, and what was said to it: open, confirmed, dismissed."""

    message_id = peewee.BigIntegerField()
    label_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    confidence = peewee.FloatField()
    state = peewee.TextField()
    changed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "label_suggestion"
        primary_key = peewee.CompositeKey("message_id", "label_id")


class EventSuggestion(Row):
    """An event that a message speaks of, and what was said to it; `event_id` is what it became."""

    message_id = peewee.BigIntegerField(primary_key=True)
    inbox_id = peewee.BigIntegerField()
    title = peewee.TextField()
    start_at = peewee.BigIntegerField()
    end_at = peewee.BigIntegerField()
    location = peewee.TextField(null=True)
    description = peewee.TextField(null=True)
    participants = peewee.TextField()
    state = peewee.TextField()
    event_id = peewee.BigIntegerField(null=True)
    changed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "event_suggestion"


class ThreadSummary(Row):
    """What a thread was about when it had so many messages, and that one was its last."""

    thread_id = peewee.BigIntegerField(primary_key=True)
    inbox_id = peewee.BigIntegerField()
    summary = peewee.TextField()
    decisions = peewee.TextField()
    action_items = peewee.TextField()
    status = peewee.TextField()
    last_message_id = peewee.BigIntegerField()
    message_count = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "thread_summary"


class LabelExample(Row):
    """A message whose words are in the index of neighbours."""

    inbox_id = peewee.BigIntegerField()
    message_id = peewee.BigIntegerField()

    class Meta:
        table_name = "label_example"
        primary_key = peewee.CompositeKey("inbox_id", "message_id")
