"""What filtering remembers."""

import peewee

from mailserver.storage.tables.base import Row


class SenderRule(Row):
    """An entry of an allow or block list; 0 for a pod or an inbox means that the entry is not bound to one."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    pod_id = peewee.BigIntegerField(default=0)
    inbox_id = peewee.BigIntegerField(default=0)
    direction = peewee.TextField()
    list_type = peewee.TextField()
    entry = peewee.TextField()
    entry_type = peewee.TextField()
    reason = peewee.TextField(null=True)
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "sender_rule"


class Greylist(Row):
    """A network, a sender and a recipient that were seen together, as one hash."""

    triplet = peewee.BigIntegerField(primary_key=True)
    first_at = peewee.BigIntegerField()
    last_at = peewee.BigIntegerField()
    passed = peewee.BigIntegerField()

    class Meta:
        table_name = "greylist"


class BayesInbox(Row):
    """How many messages an inbox has learned from, the salt of its hashes, and at most how many it has."""

    inbox_id = peewee.BigIntegerField(primary_key=True)
    salt = peewee.BlobField()
    ham = peewee.BigIntegerField(default=0)
    spam = peewee.BigIntegerField(default=0)
    tokens = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "bayes_inbox"


class BayesToken(Row):
    """In how many messages of each kind a token stood."""

    inbox_id = peewee.BigIntegerField()
    token = peewee.BigIntegerField()
    ham = peewee.BigIntegerField()
    spam = peewee.BigIntegerField()
    learned_at = peewee.BigIntegerField()

    class Meta:
        table_name = "bayes_token"
        primary_key = peewee.CompositeKey("inbox_id", "token")


class Lesson(Row):
    """What a message is to be learned as, and what it was learned as: 1 spam, -1 ham, 0 nothing."""

    message_id = peewee.BigIntegerField(primary_key=True)
    inbox_id = peewee.BigIntegerField()
    wanted = peewee.BigIntegerField()
    learned = peewee.BigIntegerField(default=0)
    asked_at = peewee.BigIntegerField()

    class Meta:
        table_name = "lesson"


class Correspondent(Row):
    """An address that an inbox has written to."""

    inbox_id = peewee.BigIntegerField()
    address = peewee.TextField()
    written_at = peewee.BigIntegerField()

    class Meta:
        table_name = "correspondent"
        primary_key = peewee.CompositeKey("inbox_id", "address")
