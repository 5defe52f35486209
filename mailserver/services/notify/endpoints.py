"""Endpoints as other parts of the server make them, inside transactions of their own."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mailserver.entities import errors
from mailserver.entities.identifiers import IdSource
from mailserver.entities.webhook import Endpoint, Origin
from mailserver.services.accounts.seal import Seal, SealBroken
from mailserver.services.notify import catalogue, signatures
from mailserver.services.notify.posting import Posting
from mailserver.storage import webhooks
from mailserver.storage.database import Transaction

MOST_TYPES = 100


class Endpoints:
    """Makes endpoints. Their secrets are sealed before anything is written."""

    def __init__(self, ids: IdSource, seal: Seal, posting: Posting) -> None:
        self._ids = ids
        self._seal = seal
        self._posting = posting

    def check(self, url: str) -> str:
        """The host of a URL that events may be sent to; Invalid, with a sentence about `url`."""
        return self._posting.check(url)

    def build(
        self, tenant_id: int, inbox_id: int | None, origin: Origin, origin_id: int | None, url: str,
        secret: str | None = None,
    ) -> tuple[Endpoint, str]:  # fmt: skip
        """A new endpoint for all types of event, and its secret, made where none is given; nothing is written yet."""
        self.check(url)
        secret = secret or signatures.new_secret()
        number, now = self._ids.next(), int(time.time() * 1000)
        made = Endpoint(
            number, tenant_id, inbox_id, origin, origin_id, url, "", (), (), None, self._seal.close(secret, number),
            None, None, True, None, None, now, now,
        )  # fmt: skip
        return made, secret

    def own(
        self, tx: Transaction, tenant_id: int, inbox_id: int, origin: Origin, origin_id: int, url: str, *,
        event_types: Sequence[str] = (), secret: str | None = None,
    ) -> Endpoint:  # fmt: skip
        """The endpoint of an inbox's settings, an alert or a workflow rule: made, or brought to this URL.

        It is switched on again. Only one whose origin is an inbox is told of events by itself; the others get what is
        put into their line by `storage.webhooks.enqueue`.
        """
        host, now = self.check(url), int(time.time() * 1000)
        known = webhooks.of_origin(tx, origin, origin_id)
        if known is None:
            made, _ = self.build(tenant_id, inbox_id, origin, origin_id, url, secret)
            made = replace(made, event_types=tuple(event_types))
            webhooks.add(tx, made, host)
            return made
        changed = replace(
            known, url=url, event_types=tuple(event_types), is_enabled=True, disabled_reason=None, failing_since=None,
            secret=self._seal.close(secret, known.id) if secret else known.secret, updated_at=now,
        )  # fmt: skip
        webhooks.change(tx, changed, host)
        return changed

    def disown(self, tx: Transaction, origin: Origin, origin_id: int) -> None:
        """Take such an endpoint away, with what waits in its line."""
        known = webhooks.of_origin(tx, origin, origin_id)
        if known is not None:
            webhooks.remove(tx, known.id, int(time.time() * 1000))

    def sealed(self, endpoint_id: int, headers: Mapping[str, str]) -> bytes | None:
        """Further headers as they are kept."""
        return self._seal.close(json.dumps(dict(headers)), endpoint_id) if headers else None

    def opened(self, endpoint: Endpoint) -> dict[str, str]:
        """The further headers of an endpoint with their values."""
        if endpoint.headers is None:
            return {}
        try:
            found: dict[str, str] = json.loads(self._seal.open(endpoint.headers, endpoint.id))
        except SealBroken as error:
            raise errors.Conflict("The headers cannot be read any more; make the webhook again.") from error
        return found

    def secret(self, endpoint: Endpoint) -> str:
        """What its deliveries are signed with; Conflict where that cannot be read any more."""
        try:
            return self._seal.open(endpoint.secret, endpoint.id)
        except SealBroken as error:
            raise errors.Conflict("The secret cannot be read any more; make the webhook again.") from error

    def another_secret(self, endpoint: Endpoint, until: int) -> tuple[Endpoint, str]:
        """The endpoint with a new secret; the one that it has is good until a time."""
        secret = signatures.new_secret()
        sealed = self._seal.close(secret, endpoint.id)
        return replace(endpoint, secret=sealed, previous_secret=endpoint.secret, previous_until=until), secret


def checked_types(names: Sequence[str]) -> tuple[str, ...]:
    """Types of event that are known, each once; Invalid for others."""
    found = tuple(dict.fromkeys(names))
    unknown = [name for name in found if not catalogue.is_known(name)]
    if unknown or len(found) > MOST_TYPES:
        sentence = f"There is no event {unknown[0]}." if unknown else f"At most {MOST_TYPES} types."
        raise errors.Invalid(sentence, events=sentence)
    return found
