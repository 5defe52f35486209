"""Endpoints of the audit log and of usage."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import audit as shapes
from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.audit import Entry
from mailserver.entities.identifiers import Kind
from mailserver.http.routing import get
from mailserver.services.registry import Services


class AuditPage:
    """Who did what, and how much of everything there is."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/audit/", scope=Scope.ADMIN)
    async def list_audit(self, caller: Caller, query: shapes.ListAudit) -> shapes.AuditList:
        """List who did what, the newest first; a token sees what concerns its inbox."""
        try:
            before = identifiers.decode(Kind.AUDIT, query.cursor) if query.cursor else None
        except identifiers.BadIdentifier as error:
            raise errors.Invalid("The cursor is none of ours.", cursor="The cursor is none of ours.") from error
        after = times.read(query.after, None, "after")
        found = await self._services.audit.page(caller, before, after, query.actor, query.type, query.limit)
        is_full = len(found) == query.limit
        return shapes.AuditList(
            results=[_entry(one) for one in found],
            cursor=identifiers.encode(Kind.AUDIT, found[-1].id) if is_full else None,
        )

    @get("/usage/", scope=Scope.EMAIL_READ)
    async def get_usage(self, caller: Caller) -> shapes.Usage:
        """Get what the tenant holds and sends; a token sees its own inbox."""
        found = await self._services.usage.of(caller)
        rows = [
            shapes.InboxUsage(
                inbox_id=identifiers.encode(Kind.INBOX, one.inbox.id), address=one.inbox.address,
                storage_used=one.inbox.used_bytes, messages=one.inbox.message_count, sent_day=one.sent_day,
                sent_month=one.sent_month,
            )
            for one in found
        ]  # fmt: skip
        return shapes.Usage(
            plan="self-hosted",
            storage_used=sum(one.storage_used for one in rows),
            messages=sum(one.messages for one in rows),
            sent_day=sum(one.sent_day for one in rows),
            sent_month=sum(one.sent_month for one in rows),
            inboxes=rows,
        )


def _entry(one: Entry) -> shapes.EntryShown:
    return shapes.EntryShown(
        audit_id=identifiers.encode(Kind.AUDIT, one.id),
        occurred_at=times.write(one.occurred_at, None),
        actor=one.actor,
        actor_kind=one.actor_kind,
        type=one.action,
        object_id=one.object_id,
        inbox_id=identifiers.encode(Kind.INBOX, one.inbox_id) if one.inbox_id is not None else None,
        detail=one.detail,
    )
