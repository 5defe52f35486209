"""Endpoints of the inboxes page."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import inboxes as shapes
from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox, InboxSettings
from mailserver.http.routing import delete, get, patch, post
from mailserver.services.accounts.inbox_keeping import InboxChange
from mailserver.services.notify.inbox_webhooks import InboxWebhook
from mailserver.services.registry import Services

PEOPLE = frozenset({Credential.SESSION})


class InboxesPage:
    """Inboxes of the tenant, and their settings."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @post("/inboxes/", scope=Scope.ADMIN, credentials=PEOPLE, status=201, repeatable=True)
    async def create_inbox(self, caller: Caller, body: shapes.CreateInbox) -> shapes.InboxShown:
        """Make an inbox."""
        made = await self._services.inbox_keeping.create(caller, body.address, body.display_name)
        return _shown(caller, made)

    @get("/inboxes/", scope=Scope.EMAIL_READ)
    async def list_inboxes(self, caller: Caller, query: shapes.ListInboxes) -> shapes.InboxList:
        """List the inboxes of the team, oldest first."""
        found, total = await self._services.inbox_keeping.page(caller, query.position, query.limit)
        return shapes.InboxList(
            results=[_shown(caller, inbox) for inbox in found], total=total, position=query.position, limit=query.limit
        )

    @get("/inboxes/{inbox_id}/", scope=Scope.EMAIL_READ)
    async def get_inbox(self, caller: Caller, inbox_id: str) -> shapes.InboxShown:
        """Get an inbox, by its id or its address."""
        return _shown(caller, await self._services.inboxes.of(caller, inbox_id))

    @patch("/inboxes/{inbox_id}/", credentials=PEOPLE)
    async def change_inbox(self, caller: Caller, inbox_id: str, body: shapes.ChangeInbox) -> shapes.InboxShown:
        """Change an inbox: name, active or paused."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        change = InboxChange(body.display_name, body.status)
        return _shown(caller, await self._services.inbox_keeping.change(caller, inbox, change))

    @delete(
        "/inboxes/{inbox_id}/", scope=Scope.ADMIN, credentials=PEOPLE, status=204,
        answers={409: "Mail of the inbox is on its way."},
    )  # fmt: skip
    async def close_inbox(self, caller: Caller, inbox_id: str, query: shapes.CloseInbox) -> None:
        """Take an inbox away, with its mail."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        await self._services.inbox_keeping.close(caller, inbox, is_forced=query.force, is_purged=query.purge)

    @get("/inboxes/{inbox_id}/settings/", scope=Scope.EMAIL_READ)
    async def get_settings(self, caller: Caller, inbox_id: str) -> shapes.SettingsShown:
        """Get the settings of an inbox."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        return await self._settings(inbox)

    @patch("/inboxes/{inbox_id}/settings/", credentials=PEOPLE)
    async def change_settings(self, caller: Caller, inbox_id: str, body: shapes.ChangeSettings) -> shapes.SettingsShown:
        """Change the settings of an inbox."""
        inbox = await self._services.inboxes.of(caller, inbox_id)
        known = await self._services.inbox_keeping.settings(inbox)
        given = body.model_fields_set
        if "default_timezone" in given:
            change = InboxChange(default_timezone=body.default_timezone or "")
            inbox = await self._services.inbox_keeping.change(caller, inbox, change)
        chosen = InboxSettings(
            body.signature_text if "signature_text" in given else known.signature_text,
            body.signature_html if "signature_html" in given else known.signature_html,
            body.retention_days if "retention_days" in given else known.retention_days,
        )
        url = (body.webhook_url or "") if "webhook_url" in given else None
        webhook = InboxWebhook(url, body.webhook_events, body.webhook_secret)
        await self._services.inbox_keeping.set_settings(
            caller, inbox, chosen, body.smtp_password,
            lambda tx: self._services.notify.inbox_webhooks.change(tx, caller, inbox, webhook),
        )  # fmt: skip
        return await self._settings(inbox)

    async def _settings(self, inbox: Inbox) -> shapes.SettingsShown:
        chosen = await self._services.inbox_keeping.settings(inbox)
        webhook = await self._services.notify.inbox_webhooks.of(inbox)
        return shapes.SettingsShown(
            inbox_id=identifiers.encode(Kind.INBOX, inbox.id),
            default_timezone=inbox.default_timezone,
            webhook_url=webhook.url if webhook else None,
            webhook_events=list(webhook.event_types) if webhook else [],
            signature_text=chosen.signature_text,
            signature_html=chosen.signature_html,
            retention_days=chosen.retention_days,
        )


def _shown(caller: Caller, inbox: Inbox) -> shapes.InboxShown:
    is_open = caller.inbox_id in (None, inbox.id)
    owner = inbox.owner_user_id
    return shapes.InboxShown(
        inbox_id=identifiers.encode(Kind.INBOX, inbox.id),
        address=inbox.address,
        display_name=inbox.display_name,
        status=inbox.status,
        default_timezone=inbox.default_timezone,
        owner_user_id=identifiers.encode(Kind.USER, owner) if owner is not None else None,
        storage_used=inbox.used_bytes if is_open else None,
        message_count=inbox.message_count if is_open else None,
        created_at=times.write(inbox.created_at, times.zone(inbox.default_timezone)),
    )
