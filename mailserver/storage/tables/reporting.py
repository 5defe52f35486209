"""Reports about authentication and about TLS."""

import peewee

from mailserver.storage.tables.base import Row


class ReportCount(Row):
    """Something that was seen a number of times on a day; the nodes add up."""

    kind = peewee.TextField()
    day = peewee.TextField()
    domain = peewee.TextField()
    key = peewee.BlobField()
    row = peewee.TextField()
    count = peewee.BigIntegerField()

    class Meta:
        table_name = "report_count"
        primary_key = peewee.CompositeKey("kind", "day", "domain", "key")


class ReportSeen(Row):
    """A domain that something was counted for on a day."""

    kind = peewee.TextField()
    day = peewee.TextField()
    domain = peewee.TextField()
    policy = peewee.TextField()
    seen_at = peewee.BigIntegerField()

    class Meta:
        table_name = "report_seen"
        primary_key = peewee.CompositeKey("kind", "day", "domain")


class Report(Row):
    """A report that came in, or that goes out to one destination."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    direction = peewee.TextField()
    kind = peewee.TextField()
    domain = peewee.TextField()
    submitter = peewee.TextField()
    organization = peewee.TextField()
    report_id = peewee.TextField()
    begin_at = peewee.BigIntegerField()
    end_at = peewee.BigIntegerField()
    total = peewee.BigIntegerField()
    failed = peewee.BigIntegerField()
    destination = peewee.TextField()
    state = peewee.TextField()
    note = peewee.TextField()
    is_authenticated = peewee.BigIntegerField()
    message_id = peewee.BigIntegerField()
    queued_id = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    attempts = peewee.BigIntegerField(default=0)
    next_attempt_at = peewee.BigIntegerField(default=0)
    body = peewee.BlobField()
    file = peewee.BlobField(null=True)

    class Meta:
        table_name = "report"


class ReportRead(Row):
    """A message that was looked into."""

    message_id = peewee.BigIntegerField(primary_key=True)
    read_at = peewee.BigIntegerField()

    class Meta:
        table_name = "report_read"


class ReportProgress(Row):
    """How far something has come in the event log."""

    name = peewee.TextField(primary_key=True)
    position = peewee.BigIntegerField()

    class Meta:
        table_name = "report_progress"
