"""Where mail goes on to, and senders that do not fit into an address."""

import peewee

from mailserver.storage.tables.base import Row


class Forward(Row):
    """A target of an inbox, or of one alias of it; `notice_id` is set while its owner has to be told of its end."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    alias_address = peewee.TextField(default="", column_name="alias")
    target = peewee.TextField()
    target_normal = peewee.TextField()
    is_enabled = peewee.BigIntegerField()
    keeps_copy = peewee.BigIntegerField()
    failures = peewee.BigIntegerField(default=0)
    last_failure = peewee.TextField(null=True)
    stopped_at = peewee.BigIntegerField(null=True)
    notice_id = peewee.BigIntegerField(null=True)
    changed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "forward"


class RewrittenSender(Row):
    """An envelope sender that is too long to be rewritten, under the number that stands for it."""

    id = peewee.BigIntegerField(primary_key=True)
    sender = peewee.TextField(unique=True)
    used_at = peewee.BigIntegerField()

    class Meta:
        table_name = "rewritten_sender"
