"""Tenants, domains, inboxes, passwords and tokens."""

import peewee

from mailserver.storage.tables.base import Row


class Setting(Row):
    """One value that the installation makes for itself, such as its secrets."""

    name = peewee.TextField(primary_key=True)
    value = peewee.TextField()

    class Meta:
        table_name = "setting"


class Tenant(Row):
    """One customer."""

    id = peewee.BigIntegerField(primary_key=True)
    name = peewee.TextField()
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "tenant"


class Member(Row):
    """A person of a tenant."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    email = peewee.TextField(unique=True)
    role = peewee.TextField()
    password = peewee.TextField(null=True)
    created_at = peewee.BigIntegerField()
    totp_secret = peewee.TextField(null=True)
    totp_waiting = peewee.TextField(null=True)
    totp_step = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "member"


class Domain(Row):
    """A mail domain of a tenant."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    name = peewee.TextField(unique=True)
    status = peewee.TextField()
    catch_all_inbox_id = peewee.BigIntegerField(null=True)
    created_at = peewee.BigIntegerField()
    verify_token = peewee.TextField(default="")
    domain_use = peewee.TextField(default="existing_domain")
    dmarc_policy = peewee.TextField(default="quarantine")
    pod_id = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "domain"


class DkimKey(Row):
    """The public half of a signing key."""

    domain = peewee.TextField()
    selector = peewee.TextField()
    algorithm = peewee.TextField()
    public_key = peewee.TextField()
    active = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    retired_at = peewee.BigIntegerField(null=True)

    class Meta:
        table_name = "dkim_key"
        primary_key = peewee.CompositeKey("domain", "selector")


class Inbox(Row):
    """A mailbox with one address."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    address = peewee.TextField(unique=True)
    display_name = peewee.TextField(null=True)
    status = peewee.TextField(default="active")
    default_timezone = peewee.TextField(null=True)
    modseq = peewee.BigIntegerField(default=0)
    next_uidvalidity = peewee.BigIntegerField(default=1)
    used_bytes = peewee.BigIntegerField(default=0)
    message_count = peewee.BigIntegerField(default=0)
    created_at = peewee.BigIntegerField()
    owner_user_id = peewee.BigIntegerField(null=True)
    pod_id = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "inbox"


class Alias(Row):
    """A further address of an inbox."""

    address = peewee.TextField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "alias"


class DistributionList(Row):
    """An address that fans out to inboxes."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    address = peewee.TextField(unique=True)
    name = peewee.TextField()
    created_by = peewee.BigIntegerField(null=True)
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "distribution_list"


class ListMember(Row):
    """An inbox on a distribution list."""

    list_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    id = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "list_member"
        primary_key = peewee.CompositeKey("list_id", "inbox_id")


class Password(Row):
    """A password or app password of an inbox."""

    id = peewee.BigIntegerField(primary_key=True)
    inbox_id = peewee.BigIntegerField()
    label = peewee.TextField()
    argon2 = peewee.TextField()
    scram_salt = peewee.TextField()
    scram_iterations = peewee.BigIntegerField()
    scram_stored_key = peewee.TextField()
    scram_server_key = peewee.TextField()
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "password"


class Token(Row):
    """An agent token, session token or API key: only its hash."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField(null=True)
    user_id = peewee.BigIntegerField(null=True)
    kind = peewee.TextField()
    label = peewee.TextField()
    prefix = peewee.TextField()
    hash = peewee.TextField(unique=True)
    scopes = peewee.TextField()
    requires_approval = peewee.TextField()
    created_at = peewee.BigIntegerField()
    last_used_at = peewee.BigIntegerField(null=True)
    expires_at = peewee.BigIntegerField(null=True)
    session_id = peewee.BigIntegerField(null=True)
    previous_hash = peewee.TextField(null=True)
    previous_until = peewee.BigIntegerField(null=True)
    permissions = peewee.TextField(null=True)
    updated_at = peewee.BigIntegerField(null=True)
    pod_id = peewee.BigIntegerField(null=True)

    class Meta:
        table_name = "token"


class LoginAddress(Row):
    """An address from which an inbox's login has gone well, and when last."""

    inbox_id = peewee.BigIntegerField()
    address = peewee.TextField()
    network = peewee.TextField()
    used_at = peewee.BigIntegerField()

    class Meta:
        table_name = "login_address"
        primary_key = peewee.CompositeKey("inbox_id", "address")
