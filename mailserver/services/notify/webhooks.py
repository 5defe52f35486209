"""Webhooks of inboxes and tenants, through the caller's eyes: kept, tried, and what was delivered."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.webhook import LISTED, Endpoint, Origin, WebhookDelivery, WebhookState
from mailserver.services.accounts.audit import Audit
from mailserver.services.notify import catalogue, endpoints, telling
from mailserver.services.notify.endpoints import Endpoints
from mailserver.services.notify.posting import Posting
from mailserver.storage import inboxes, webhook_lines, webhook_log, webhooks
from mailserver.storage.database import Database, Snapshot, Transaction

MOST = 100  # of one tenant
GRACE_MS = 24 * 3600 * 1000  # for which a secret that was replaced is good
KEPT_MS = 7 * 24 * 3600 * 1000  # what was delivered, in the log
TRIMMED_AT_ONCE = 1_000
LONGEST_DESCRIPTION = 500
MOST_HEADERS = 20
LONGEST_HEADER = 1_000
TEST = "webhook.test"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = re.compile(
    r"(webhook|svix|proxy)-.*|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-.*"
    r"|accept-encoding|date|via|forwarded|x-forwarded-.*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What is to be so; None leaves it as it is, or as it is at first."""

    url: str | None = None
    event_types: tuple[str, ...] | None = None
    description: str | None = None
    is_enabled: bool | None = None
    headers: Mapping[str, str] | None = None


class Webhooks:
    """What people and agents do with webhooks. Those for the whole tenant are its owners' alone."""

    def __init__(self, database: Database, ids: IdSource, audit: Audit, endpoints: Endpoints, posting: Posting) -> None:
        self._database = database
        self._ids = ids
        self._audit = audit
        self._endpoints = endpoints
        self._posting = posting

    async def create(self, caller: Caller, inbox: Inbox | None, wanted: WebhookChange) -> tuple[Endpoint, str]:
        """Make a webhook for an inbox or the tenant; its secret is in the answer and nowhere else."""
        if inbox is None and not caller.is_owner:
            raise errors.Forbidden("Only an owner makes a webhook for every inbox; name one.")
        made, secret = self._endpoints.build(
            caller.tenant_id, inbox.id if inbox else None, Origin.API, None, wanted.url or ""
        )
        made, host = self._changed(caller, made, wanted)

        def write(tx: Transaction) -> None:
            if inbox is not None and inboxes.get(tx, inbox.id) is None:
                raise errors.NotFound("There is no such inbox.")
            if webhooks.of_tenant(tx, caller.tenant_id, None, 0, 1, with_tenants=True)[1] >= MOST:
                raise errors.Conflict(f"There are {MOST} webhooks already; remove some first.")
            webhooks.add(tx, made, host)
            self._audit.add(tx, caller, "webhook.created", _id(made), made.inbox_id, url=made.url)

        await self._database.write(write)
        return made, secret

    async def page(self, caller: Caller, inbox: Inbox | None, position: int, limit: int) -> tuple[list[Endpoint], int]:
        """The webhooks of an inbox, or all that the caller may see; oldest first."""
        return await self._database.read(
            webhooks.of_tenant, caller.tenant_id, inbox.id if inbox else None, position, limit,
            with_tenants=caller.is_owner,
        )  # fmt: skip

    async def get(self, caller: Caller, text: str) -> Endpoint:
        """One of them."""
        return await self._database.read(_one, caller, text)

    async def change(self, caller: Caller, text: str, wanted: WebhookChange) -> Endpoint:
        """Change a webhook. What waits for it goes to the new URL; switched on again, it begins anew."""

        def write(tx: Transaction) -> Endpoint:
            known = _own(tx, caller, text)
            made, host = self._changed(caller, known, wanted)
            webhooks.change(tx, made, host)
            if wanted.is_enabled and not known.is_enabled:
                webhook_lines.resume(tx, made.id, int(time.time() * 1000))
            self._audit.add(tx, caller, "webhook.changed", _id(made), made.inbox_id, enabled=made.is_enabled)
            return made

        return await self._database.write(write)

    async def rotate(self, caller: Caller, text: str) -> tuple[Endpoint, str]:
        """Give a webhook another secret; for a day, deliveries are signed with both."""

        def write(tx: Transaction) -> tuple[Endpoint, str]:
            known, now = _own(tx, caller, text), int(time.time() * 1000)
            made, secret = self._endpoints.another_secret(replace(known, updated_at=now), now + GRACE_MS)
            webhooks.change(tx, made, self._endpoints.check(made.url))
            self._audit.add(tx, caller, "webhook.rotated", _id(made), made.inbox_id)
            return made, secret

        return await self._database.write(write)

    async def remove(self, caller: Caller, text: str) -> None:
        """Take a webhook away, with what waits for it."""

        def write(tx: Transaction) -> None:
            known = _own(tx, caller, text)
            webhooks.remove(tx, known.id, int(time.time() * 1000))
            self._audit.add(tx, caller, "webhook.removed", _id(known), known.inbox_id)

        await self._database.write(write)

    async def deliveries(
        self, caller: Caller, text: str, state: WebhookState | None, position: int, limit: int
    ) -> tuple[list[WebhookDelivery], int]:
        """What was delivered, and what was not; the newest first."""

        def read(snapshot: Snapshot) -> tuple[list[WebhookDelivery], int]:
            since = int(time.time() * 1000) - KEPT_MS
            return webhook_log.page(snapshot, _one(snapshot, caller, text).id, state, since, position, limit)

        return await self._database.read(read)

    async def redeliver(self, caller: Caller, text: str, delivery: str) -> WebhookDelivery:
        """Deliver once more, behind what waits, under the id that it had; one that waits is tried at once."""

        def write(tx: Transaction) -> WebhookDelivery:
            endpoint = _one(tx, caller, text)
            found = _delivery(tx, endpoint, delivery)
            if not endpoint.is_enabled:
                raise errors.Conflict("The webhook is switched off; enable it first.")
            webhook_lines.again(tx, found.id, endpoint.id, int(time.time() * 1000))
            return _delivery(tx, endpoint, delivery)

        return await self._database.write(write)

    async def test(self, caller: Caller, text: str) -> WebhookDelivery:
        """Send an event that means nothing, past the line, and say what became of it."""
        endpoint = await self.get(caller, text)
        return await self.try_out(endpoint, {"webhook_id": _id(endpoint)})

    async def try_out(self, endpoint: Endpoint, content: dict[str, object]) -> WebhookDelivery:
        """Post a test to an endpoint, once, and note it in its log where it has one."""
        event_id, now = self._ids.next(), int(time.time() * 1000)
        body = telling.test(event_id, endpoint.inbox_id, now, TEST, content)
        begun = WebhookDelivery(
            event_id, endpoint.id, event_id, TEST, body, WebhookState.FAILED, 1, 0, None, now, None, now, None, None,
            None,
        )  # fmt: skip

        def begin(tx: Transaction) -> int:
            return event_id if webhooks.get(tx, endpoint.id) is None else webhook_log.begin(tx, begun)

        number = await self._database.write(begin)
        tried = await self._posting.post(endpoint, number, body)
        made = replace(
            begun,
            id=number,
            state=WebhookState.DELIVERED if tried.is_delivered else WebhookState.FAILED,
            finished_at=int(time.time() * 1000),
            status=tried.status,
            duration_ms=tried.duration_ms,
            error=tried.error,
        )
        await self._database.write(webhook_log.finish, made)
        return made

    async def sweep(self) -> int:
        """Forget what was delivered long ago, and what belonged to webhooks that are gone; how many rows."""
        before, deleted = int(time.time() * 1000) - KEPT_MS, 0
        while found := await self._database.write(webhook_log.trim, before, TRIMMED_AT_ONCE):
            deleted += found
        while found := await self._database.write(webhook_log.sweep_removed, TRIMMED_AT_ONCE):
            deleted += found
        return deleted

    def _changed(self, caller: Caller, known: Endpoint, wanted: WebhookChange) -> tuple[Endpoint, str]:
        """The endpoint as it is wanted, checked, and the host of its URL."""
        types = known.event_types if wanted.event_types is None else endpoints.checked_types(wanted.event_types)
        if not caller.is_owner and catalogue.ADMIN.intersection(types):
            raise errors.Forbidden("Only an owner is told of these events.")
        description = known.description if wanted.description is None else wanted.description.strip()
        if len(description) > LONGEST_DESCRIPTION or "\0" in description:
            sentence = f"At most {LONGEST_DESCRIPTION} characters."
            raise errors.Invalid(sentence, description=sentence)
        is_enabled = known.is_enabled if wanted.is_enabled is None else wanted.is_enabled
        is_back = is_enabled and not known.is_enabled
        made = replace(
            known,
            url=wanted.url or known.url,
            event_types=types,
            description=description,
            is_enabled=is_enabled,
            disabled_reason=None if is_enabled else known.disabled_reason,
            failing_since=None if is_back else known.failing_since,
            updated_at=int(time.time() * 1000),
        )
        if wanted.headers is not None:
            check_headers(wanted.headers)
            sealed = self._endpoints.sealed(known.id, wanted.headers)
            made = replace(made, header_names=tuple(wanted.headers), headers=sealed)
        return made, self._endpoints.check(made.url)


def _one(snapshot: Snapshot, caller: Caller, text: str) -> Endpoint:
    try:
        found = webhooks.get(snapshot, identifiers.decode(Kind.WEBHOOK, text))
    except identifiers.BadIdentifier:
        found = None
    if (
        found is None
        or found.tenant_id != caller.tenant_id
        or found.origin not in LISTED
        or caller.inbox_id not in (None, found.inbox_id)
        or (found.inbox_id is None and not caller.is_owner)
    ):
        raise errors.NotFound("There is no such webhook.")
    return found


def _own(tx: Transaction, caller: Caller, text: str) -> Endpoint:
    found = _one(tx, caller, text)
    if found.origin is Origin.INBOX:
        raise errors.Conflict("This webhook belongs to the settings of its inbox; change it there.")
    return found


def _delivery(tx: Transaction, endpoint: Endpoint, text: str) -> WebhookDelivery:
    try:
        found = webhook_log.get(tx, identifiers.decode(Kind.WEBHOOK_DELIVERY, text))
    except identifiers.BadIdentifier:
        found = None
    if found is None or found.endpoint_id != endpoint.id:
        raise errors.NotFound("There is no such delivery.")
    return found


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse headers that cannot be sent, or are not free."""
    if len(headers) > MOST_HEADERS or len({name.lower() for name in headers}) < len(headers):
        sentence = f"At most {MOST_HEADERS} headers, each once."
        raise errors.Invalid(sentence, headers=sentence)
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or _OURS.fullmatch(name):
            raise errors.Invalid("A header cannot be used.", headers="A header's name is not free, or is none.")
        if len(value) > LONGEST_HEADER or not (value.isascii() and value.isprintable()):
            sentence = f"A header has at most {LONGEST_HEADER} printable ASCII characters."
            raise errors.Invalid("A header cannot be used.", headers=sentence)


def _id(endpoint: Endpoint) -> str:
    return identifiers.encode(Kind.WEBHOOK, endpoint.id)
