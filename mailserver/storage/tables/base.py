"""What every table shares: no database of its own, a query runs on the transaction that executes it."""

import peewee


class Row(peewee.Model):
    """A table. Foreign keys are plain numbers: the store keeps integrity, and no attribute hides a query."""

    class Meta:
        legacy_table_names = False
