"""Token, scope and Caller: who is asking and what they may touch."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.entities import errors, hidden
from mailserver.entities.hidden import Hidden
from mailserver.entities.inbox import Inbox
from mailserver.entities.permission import Permission


class Scope(StrEnum):
    """A thing that a credential may be allowed to do."""

    EMAIL_READ = "email:read"
    EMAIL_SEND = "email:send"
    EMAIL_WRITE = "email:write"
    EMAIL_DELETE = "email:delete"
    FILES_READ = "files:read"
    FILES_WRITE = "files:write"
    LABELS_READ = "labels:read"
    LABELS_WRITE = "labels:write"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    CALENDAR_READ = "calendar:read"
    CALENDAR_WRITE = "calendar:write"
    CONTEXT_READ = "context:read"
    CONTEXT_WRITE = "context:write"
    TASK_READ = "task:read"
    TASK_WRITE = "task:write"
    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"
    APPROVALS_READ = "approvals:read"
    APPROVALS_WRITE = "approvals:write"
    WORKFLOWS_READ = "workflows:read"
    WORKFLOWS_WRITE = "workflows:write"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)


class Credential(StrEnum):
    """What kind of thing the caller showed."""

    AGENT_TOKEN = "agent_token"  # noqa: S105  bound to one inbox
    SESSION = "session"  # a logged-in person
    API_KEY = "api_key"  # an organisation's key
    PASSWORD = "password"  # noqa: S105  SMTP and JMAP logins
    ADMIN = "admin"  # the admin socket


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: a tenant always, one inbox where the credential is bound to it."""

    tenant_id: int
    credential: Credential
    credential_id: int
    scopes: frozenset[Scope]
    inbox_id: int | None = None
    user_id: int | None = None
    requires_approval: frozenset[Scope] = frozenset()
    is_owner: bool = False
    label: str = ""  # what the token is called
    permissions: frozenset[Permission] | None = None  # of an API key; None for all
    pod_id: int | None = None  # where the credential, or what is asked for, is bound to one

    @classmethod
    def operator(cls, tenant_id: int, inbox_id: int | None = None) -> "Caller":
        """Whoever runs the server, as an owner of a tenant; of one inbox where that is meant alone."""
        return cls(tenant_id, Credential.ADMIN, 0, ALL_SCOPES, inbox_id, is_owner=True)

    def sees(self, inbox: Inbox) -> bool:
        """Whether an inbox is within what the credential is bound to."""
        return (
            inbox.tenant_id == self.tenant_id
            and self.inbox_id in (None, inbox.id)
            and self.pod_id in (None, inbox.pod_id)
        )

    @property
    def hidden(self) -> Hidden:
        """What of the mail is not there for this caller."""
        return hidden.lacking(self.permissions)

    def permit(self, permission: Permission) -> None:
        """Refuse with Forbidden unless the permission is there."""
        if self.permissions is not None and permission not in self.permissions:
            raise errors.Forbidden(f"The API key lacks the permission {permission.value}.")

    def require(self, scope: Scope) -> None:
        """Refuse with Forbidden unless the scope is there."""
        if scope not in self.scopes:
            raise errors.Forbidden(f"The credentials lack the scope {scope.value}.")

    def require_at_once(self, scope: Scope) -> None:
        """Refuse with Forbidden unless the scope is there and needs nobody's approval."""
        self.require(scope)
        if scope in self.requires_approval:
            raise errors.Forbidden(f"This token may use the scope {scope.value} only with an approval.")


@dataclass(frozen=True, slots=True)
class Token:
    """An agent token or API key as its owner sees it: never the secret."""

    id: int
    tenant_id: int
    inbox_id: int | None
    label: str
    prefix: str
    scopes: frozenset[Scope]
    requires_approval: frozenset[Scope]
    created_at: int
    last_used_at: int | None
    expires_at: int | None
    permissions: frozenset[Permission] | None = None  # of an API key; None for all
    pod_id: int | None = None  # of an API key
