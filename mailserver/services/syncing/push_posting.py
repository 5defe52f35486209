"""One message to a push service, encrypted where the client gave keys, and what became of it (RFC 8030 5)."""

import time

from mailserver.entities.push_subscription import PushAddress
from mailserver.fetch import Fetch, FetchFailed
from mailserver.mail import web_push
from mailserver.services.notify import posting
from mailserver.services.notify.posting import Tried

POST_SECONDS = 10.0
ANSWER_BYTES = 64 << 10
LONGEST = web_push.LONGEST  # of a message, be it encrypted or not


class PushPosting:
    """Posts. A private address is reached, and plain HTTP spoken, only where the operator allows it."""

    def __init__(self, fetch: Fetch, *, allow_private: bool) -> None:
        self._fetch = fetch
        self._allow_private = allow_private

    async def post(self, address: PushAddress, message: bytes, ttl_seconds: int) -> Tried:
        """Post a message, which a push service may keep for so long."""
        headers = {"Content-Type": "application/json", "TTL": str(ttl_seconds)}
        if address.p256dh is not None and address.auth is not None:
            point, secret = web_push.read_point(address.p256dh), web_push.read_secret(address.auth)
            message = web_push.encrypt(message, point, secret)
            headers["Content-Encoding"] = "aes128gcm"
        started = time.monotonic()
        try:
            answer = await self._fetch.post(
                address.url, message, headers=headers, limit_bytes=ANSWER_BYTES, timeout_seconds=POST_SECONDS,
                https_only=not self._allow_private,
            )  # fmt: skip
        except FetchFailed as error:
            return Tried(is_delivered=False, status=None, duration_ms=_since(started), error=str(error))
        return Tried(
            is_delivered=answer.status // 100 == 2, status=answer.status, duration_ms=_since(started), error=None,
            retry_after=posting.put_off_seconds(answer.headers.get("retry-after")),
        )  # fmt: skip


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
