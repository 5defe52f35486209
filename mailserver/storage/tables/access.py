"""Sessions, codes, settings of inboxes, approvals and the audit log."""

import peewee

from mailserver.storage.tables.base import Row


class RecoveryCode(Row):
    """A code that stands in for a lost second factor, once."""

    member_id = peewee.BigIntegerField()
    hash = peewee.TextField()

    class Meta:
        table_name = "recovery_code"
        primary_key = peewee.CompositeKey("member_id", "hash")


class Session(Row):
    """A person's login; its access tokens are rows of `token`."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    member_id = peewee.BigIntegerField()
    refresh_hash = peewee.TextField(unique=True)
    previous_hash = peewee.TextField(null=True)
    rotated_at = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()

    class Meta:
        table_name = "session"


class LoginCode(Row):
    """A login that waits for its second factor, or a code that was mailed."""

    hash = peewee.TextField(primary_key=True)
    member_id = peewee.BigIntegerField()
    purpose = peewee.TextField()
    code_hash = peewee.TextField()
    tries = peewee.BigIntegerField(default=0)
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()

    class Meta:
        table_name = "login_code"


class InboxSettings(Row):
    """What an inbox's owner has chosen."""

    inbox_id = peewee.BigIntegerField(primary_key=True)
    signature_text = peewee.TextField(null=True)
    signature_html = peewee.TextField(null=True)
    retention_days = peewee.BigIntegerField(null=True)
    changed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "inbox_settings"


class Approval(Row):
    """A call that waits for somebody's approval."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    credential_id = peewee.BigIntegerField()
    token_label = peewee.TextField()
    action_type = peewee.TextField()
    summary = peewee.TextField()
    payload = peewee.BlobField(null=True)
    state = peewee.TextField()
    queued_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    decided_at = peewee.BigIntegerField(null=True)
    decided_by = peewee.TextField(null=True)
    result = peewee.TextField(null=True)

    class Meta:
        table_name = "approval"


class Audit(Row):
    """One line of the audit log."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    occurred_at = peewee.BigIntegerField()
    actor = peewee.TextField()
    actor_kind = peewee.TextField()
    action = peewee.TextField()
    object_id = peewee.TextField()
    inbox_id = peewee.BigIntegerField(null=True)
    detail = peewee.TextField()

    class Meta:
        table_name = "audit"
