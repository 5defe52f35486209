"""Identities, and mail that clients have handed over."""

import peewee

from mailserver.storage.tables.base import Row


class Identity(Row):
    """Whom a client may write as."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    email = peewee.TextField()
    name = peewee.TextField()
    reply_to = peewee.TextField(null=True)
    bcc = peewee.TextField(null=True)
    text_signature = peewee.TextField(null=True)
    html_signature = peewee.TextField(null=True)
    is_fixed = peewee.BigIntegerField()
    created_modseq = peewee.BigIntegerField()
    modseq = peewee.BigIntegerField()

    class Meta:
        table_name = "identity"


class EmailSubmission(Row):
    """A message that a client has handed over to be sent."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    queued_id = peewee.BigIntegerField()
    identity_id = peewee.BigIntegerField()
    email_id = peewee.BigIntegerField()
    thread_id = peewee.BigIntegerField()
    envelope = peewee.TextField()
    send_at = peewee.BigIntegerField()
    is_canceled = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    created_modseq = peewee.BigIntegerField()
    modseq = peewee.BigIntegerField()

    class Meta:
        table_name = "email_submission"


class SubmissionReport(Row):
    """A message that reports what has become of a submission."""

    submission_id = peewee.BigIntegerField()
    message_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()

    class Meta:
        table_name = "submission_report"
        primary_key = peewee.CompositeKey("submission_id", "message_id")
