"""One try: a body posted to where it is wanted, and what became of it in a sentence."""

import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.webhook import Endpoint
from mailserver.fetch import Fetch, FetchFailed
from mailserver.services.accounts.seal import Seal, SealBroken
from mailserver.services.notify import signatures

POST_SECONDS = 10.0
ANSWER_BYTES = 1 << 20  # nobody reads it, but an answer is not a failure because it has a page in it
LONGEST_SENTENCE = 300
GONE = 410
UNREADABLE = "The secret cannot be read any more; rotate it, and set further headers again."


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one try. `status` is None where nobody answered; `retry_after` is in seconds."""

    is_delivered: bool
    status: int | None
    duration_ms: int
    error: str | None
    retry_after: float | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver says that it wants nothing any more."""
        return self.status == GONE


class Posting:
    """Posts signed bodies. A private address is reached, and plain HTTP spoken, only where the operator allows it."""

    def __init__(self, fetch: Fetch, seal: Seal, *, allow_private: bool) -> None:
        self._fetch = fetch
        self._seal = seal
        self._allow_private = allow_private

    def keys(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The secrets that are valid now; SealBroken where they cannot be read."""
        keys = [self._seal.open(endpoint.secret, endpoint.id)]
        if endpoint.previous_secret is not None and (endpoint.previous_until or 0) > time.time() * 1000:
            keys.append(self._seal.open(endpoint.previous_secret, endpoint.id))
        return tuple(keys)

    def check(self, url: str) -> str:
        """The host and port of a URL that may be written down; Invalid where it would never be asked."""
        try:
            return self._fetch.check(url, https_only=not self._allow_private)
        except FetchFailed as error:
            sentence = f"{error}."
            raise errors.Invalid(sentence, url=sentence) from error

    async def post(self, endpoint: Endpoint, delivery_id: int, body: str) -> Tried:
        """Post a body, signed."""
        try:
            keys = self.keys(endpoint)
            more = json.loads(self._seal.open(endpoint.headers, endpoint.id)) if endpoint.headers else {}
        except SealBroken:
            return Tried(is_delivered=False, status=None, duration_ms=0, error=UNREADABLE)
        content = body.encode()
        text = identifiers.encode(Kind.WEBHOOK_DELIVERY, delivery_id)
        headers = {
            **more, "Content-Type": "application/json", **signatures.headers(text, int(time.time()), content, keys)
        }  # fmt: skip
        started = time.monotonic()
        try:
            answer = await self._fetch.post(
                endpoint.url, content, headers=headers, limit_bytes=ANSWER_BYTES, timeout_seconds=POST_SECONDS,
                https_only=not self._allow_private,
            )  # fmt: skip
        except FetchFailed as error:
            sentence = f"{str(error).rstrip('.')[:LONGEST_SENTENCE]}."
            return Tried(is_delivered=False, status=None, duration_ms=_since(started), error=sentence)
        if answer.status // 100 == 2:
            return Tried(is_delivered=True, status=answer.status, duration_ms=_since(started), error=None)
        return Tried(
            is_delivered=False, status=answer.status, duration_ms=_since(started), error=_sentence(answer.status),
            retry_after=put_off_seconds(answer.headers.get("retry-after")),
        )  # fmt: skip


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


def _sentence(status: int) -> str:
    if status // 100 == 3:
        return f"It answered {status}: a redirect, which is not followed."
    words = {each.value: each.phrase for each in HTTPStatus}
    return f"It answered {status} {words.get(status, '')}".rstrip() + "."


def put_off_seconds(text: str | None) -> float | None:
    """For how long a receiver puts us off: seconds, or a date (RFC 9110 10.2.3)."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
