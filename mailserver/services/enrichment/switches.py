"""What an inbox chooses: its features, and who is asked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.enrichment import Feature, Provider, Switches
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.fetch import FetchFailed
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.seal import SEALED, Seal, SealBroken
from mailserver.services.enrichment.model import Endpoint
from mailserver.storage import enrichment, inboxes
from mailserver.storage.database import Database, Transaction

LONGEST_ENDPOINT = 1_000
LONGEST_MODEL = 200
LONGEST_KEY = 1_000
log = structlog.get_logger()


class Checked(Protocol):
    """Knows which URLs may be asked."""

    def check(self, url: str, *, https_only: bool = True) -> str:
        """The host and port; FetchFailed where it may not be asked."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different; None leaves it as it is, '' takes a text away."""

    features: dict[Feature, bool]
    provider: Provider | None = None
    endpoint: str | None = None
    model: str | None = None
    api_key: str | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator's own endpoint, and whether inboxes may name others."""

    endpoint: Endpoint | None = None
    allows_others: bool = True
    https_only: bool = True


class Keeping:
    """Reads and writes what inboxes choose. A key goes in and never comes out again."""

    def __init__(
        self, database: Database, audit: Audit, urls: Checked, operator: Operator, clock: Callable[[], int],
        seal: Seal,
    ) -> None:  # fmt: skip
        self._database = database
        self._audit = audit
        self._urls = urls
        self._operator = operator
        self._clock = clock
        self._seal = seal

    async def of(self, inbox: Inbox) -> Switches:
        """What an inbox has chosen, the operator's choice of a provider in the place of none."""
        return self._shown(await self._database.read(enrichment.switches, inbox.id))

    async def change(self, caller: Caller, inbox: Inbox, change: Change) -> Switches:
        """Change what is given. Another endpoint does not get the key of the one before."""
        self._check(change)

        def write(tx: Transaction) -> Switches:
            if inboxes.get(tx, inbox.id) is None:
                raise errors.NotFound("There is no such inbox.")
            known = enrichment.switches(tx, inbox.id)
            made = self._changed(known, change)
            now = self._clock()
            enrichment.put(tx, inbox.tenant_id, inbox.id, made, now)
            if change.api_key is not None:
                sealed = self._seal.close_text(change.api_key, inbox.id) if change.api_key else None
                enrichment.put_key(tx, inbox.id, sealed)
            elif made.endpoint != known.endpoint:
                enrichment.put_key(tx, inbox.id, None)
            self._audit.add(
                tx, caller, "enrichment.changed", identifiers.encode(Kind.INBOX, inbox.id), inbox.id,
                features=sorted(made.features), provider=made.provider, endpoint=_host(made.endpoint),
            )  # fmt: skip
            return enrichment.switches(tx, inbox.id)

        return self._shown(await self._database.write(write))

    async def endpoint(self, inbox_id: int) -> Endpoint | None:
        """Who is asked for an inbox; None where that is the built-in provider."""
        chosen = await self._database.read(enrichment.switches, inbox_id)
        if self._shown(chosen).provider is not Provider.OPENAI_COMPATIBLE:
            return None
        if chosen.endpoint is None or not self._operator.allows_others:
            return self._operator.endpoint
        kept = await self._database.read(enrichment.key, inbox_id)
        try:
            key = self._seal.open_text(kept, inbox_id) if kept else None
        except SealBroken:
            log.error("enrichment.key.unreadable", inbox_id=inbox_id, why="another key sealed it; set it again")
            key = None
        return Endpoint(chosen.endpoint, chosen.model or "", key, is_trusted=False)

    async def seal_old(self) -> None:
        """Seal the keys that an older version kept in the clear."""

        def write(tx: Transaction) -> None:
            for inbox_id, key in enrichment.open_keys(tx, SEALED):
                enrichment.put_key(tx, inbox_id, self._seal.close_text(key, inbox_id))

        await self._database.write(write)

    def _changed(self, known: Switches, change: Change) -> Switches:
        features = {each for each in Feature if change.features.get(each, each in known.features)}
        made = replace(
            known, features=frozenset(features), provider=change.provider or known.provider,
            endpoint=_text(known.endpoint, change.endpoint), model=_text(known.model, change.model),
        )  # fmt: skip
        if made.provider is Provider.OPENAI_COMPATIBLE:
            if made.endpoint is None and self._operator.endpoint is None:
                raise errors.Invalid("This provider needs an endpoint.", endpoint="Name one, such as https://host/v1")
            if made.endpoint is not None and not made.model:
                raise errors.Invalid("This provider needs a model.", model="Say which model is to be asked for.")
        return made

    def _check(self, change: Change) -> None:
        if change.endpoint:
            if not self._operator.allows_others:
                sentence = "This server asks its own endpoint only."
                raise errors.Invalid(sentence, endpoint=sentence)
            try:
                self._urls.check(change.endpoint, https_only=self._operator.https_only)
            except FetchFailed as error:
                raise errors.Invalid(f"{error}.", endpoint=f"{error}.") from error
        if change.api_key and not (change.api_key.isascii() and change.api_key.isprintable()):
            sentence = "A key has printable ASCII letters only."
            raise errors.Invalid(sentence, api_key=sentence)

    def _shown(self, chosen: Switches) -> Switches:
        if chosen.provider is not None:
            return chosen
        return replace(chosen, provider=Provider.OPENAI_COMPATIBLE if self._operator.endpoint else Provider.BUILTIN)


def _text(known: str | None, wanted: str | None) -> str | None:
    return known if wanted is None else wanted.strip() or None


def _host(url: str | None) -> str | None:
    return urlsplit(url).hostname if url else None
