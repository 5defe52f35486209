"""What runs at delivery: scripts, absence notices, and the letters that come of them."""

import peewee

from mailserver.storage.tables.base import Row


class SieveScript(Row):
    """A script of an inbox; one at the most is active."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    name = peewee.TextField()
    content = peewee.BlobField()
    hash = peewee.BlobField()
    size = peewee.BigIntegerField()
    is_active = peewee.BigIntegerField()
    created_modseq = peewee.BigIntegerField()
    modseq = peewee.BigIntegerField()
    changed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "sieve_script"


class VacationResponse(Row):
    """What an inbox answers while nobody is there."""

    inbox_id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    is_enabled = peewee.BigIntegerField()
    from_at = peewee.BigIntegerField(null=True)
    to_at = peewee.BigIntegerField(null=True)
    subject = peewee.TextField(null=True)
    text_body = peewee.TextField(null=True)
    html_body = peewee.TextField(null=True)
    changed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "vacation_response"


class AutoAnswer(Row):
    """Somebody who has had an answer, and until when he gets no further one of its kind."""

    inbox_id = peewee.BigIntegerField()
    handle = peewee.TextField()
    address = peewee.TextField()
    until_at = peewee.BigIntegerField()

    class Meta:
        table_name = "auto_answer"
        primary_key = peewee.CompositeKey("inbox_id", "handle", "address")


class AutoLetter(Row):
    """A letter that the server still has to write for an inbox; `body` is JSON."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    body = peewee.TextField()

    class Meta:
        table_name = "auto_letter"
