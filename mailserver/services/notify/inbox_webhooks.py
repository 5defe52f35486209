"""The webhook in the settings of an inbox."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.inbox import Inbox
from mailserver.entities.webhook import Endpoint, Origin
from mailserver.services.notify import catalogue, endpoints, signatures
from mailserver.services.notify.endpoints import Endpoints
from mailserver.storage import webhooks
from mailserver.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class InboxWebhook:
    """What is to be so; None leaves it, an empty URL takes the webhook away."""

    url: str | None = None
    event_types: Sequence[str] | None = None
    secret: str | None = None

    @property
    def is_change(self) -> bool:
        """Whether anything is asked for."""
        return self != InboxWebhook()


class InboxWebhooks:
    """One webhook for each inbox, beside those that are made by themselves."""

    def __init__(self, database: Database, endpoints: Endpoints) -> None:
        self._database = database
        self._endpoints = endpoints

    async def of(self, inbox: Inbox) -> Endpoint | None:
        """The webhook of an inbox."""
        return await self._database.read(webhooks.of_origin, Origin.INBOX, inbox.id)

    def change(self, tx: Transaction, caller: Caller, inbox: Inbox, wanted: InboxWebhook) -> None:
        """Make it, change it or take it away, inside the transaction of the settings."""
        if not wanted.is_change:
            return
        if wanted.url == "":
            self._endpoints.disown(tx, Origin.INBOX, inbox.id)
            return
        known = webhooks.of_origin(tx, Origin.INBOX, inbox.id)
        url = wanted.url or (known.url if known else None)
        if url is None:
            raise errors.Invalid("There is no webhook_url.", webhook_url="Say where the events are to go.")
        types = known.event_types if known else ()
        if wanted.event_types is not None:
            types = endpoints.checked_types(wanted.event_types)
        if not caller.is_owner and catalogue.ADMIN.intersection(types):
            raise errors.Forbidden("Only an owner is told of these events.")
        if wanted.secret is None and known is None:
            sentence = "Choose a secret: whsec_ and base 64 of 24 to 64 bytes."
            raise errors.Invalid(sentence, webhook_secret=sentence)
        if wanted.secret is not None and not signatures.is_secret(wanted.secret):
            sentence = "A secret is whsec_ and base 64 of 24 to 64 bytes."
            raise errors.Invalid(sentence, webhook_secret=sentence)
        self._endpoints.own(
            tx, inbox.tenant_id, inbox.id, Origin.INBOX, inbox.id, url, event_types=types, secret=wanted.secret
        )
