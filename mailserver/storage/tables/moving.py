"""What an import remembers."""

import peewee

from mailserver.storage.tables.base import Row


class Imported(Row):
    """A message of a source, as one hash, that an inbox has had once."""

    inbox_id = peewee.BigIntegerField()
    token = peewee.BlobField()
    imported_at = peewee.BigIntegerField()

    class Meta:
        table_name = "imported"
        primary_key = peewee.CompositeKey("inbox_id", "token")


class Importing(Row):
    """A message whose file is being written and whose row is still to come."""

    inbox_id = peewee.BigIntegerField()
    message_id = peewee.BigIntegerField()

    class Meta:
        table_name = "importing"
        primary_key = peewee.CompositeKey("inbox_id", "message_id")
