"""Alert rules and workflow rules."""

import peewee

from mailserver.storage.tables.base import Row


class Alert(Row):
    """An alert rule of an inbox."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    events = peewee.TextField()
    delivery = peewee.TextField()
    target = peewee.TextField()
    offset_value = peewee.BigIntegerField(null=True)
    offset_unit = peewee.TextField(null=True)
    conditions = peewee.TextField()
    threshold = peewee.BigIntegerField(null=True)
    enabled = peewee.BigIntegerField()
    retries = peewee.BigIntegerField()
    backoff = peewee.TextField()
    endpoint_id = peewee.BigIntegerField(null=True)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "alert"


class AlertDue(Row):
    """An alert that waits for its time."""

    id = peewee.BigIntegerField(primary_key=True)
    alert_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    event_id = peewee.BigIntegerField()
    subject = peewee.TextField()
    type = peewee.TextField()
    due_at = peewee.BigIntegerField()
    payload = peewee.TextField()

    class Meta:
        table_name = "alert_due"


class Workflow(Row):
    """A workflow rule of an inbox."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    name = peewee.TextField()
    trigger = peewee.TextField()
    conditions = peewee.TextField()
    writes = peewee.TextField()
    enabled = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "workflow"


class WorkflowRun(Row):
    """What a workflow rule did."""

    id = peewee.BigIntegerField(primary_key=True)
    rule_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    ran_at = peewee.BigIntegerField()
    message_id = peewee.BigIntegerField(null=True)
    thread_id = peewee.BigIntegerField(null=True)
    result = peewee.TextField()
    writes = peewee.TextField()

    class Meta:
        table_name = "workflow_run"
