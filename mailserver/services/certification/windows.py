"""When the authority would like certificates renewed, asked as often as it wants to be asked (RFC 9773 4)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from mailserver.certificates import attempts
from mailserver.certificates.acme.problem import Problem
from mailserver.certificates.pairs import Pairs
from mailserver.services.certification.issuing import Issuing

UNKNOWN_SECONDS = 3600.0  # before it is asked again, where it gave no window
log = structlog.get_logger()


class Windows:
    """Keeps what the authority says beside each name's attempts."""

    def __init__(self, issuing: Issuing, pairs: Pairs, now_ms: Callable[[], int], random: Callable[[], float]) -> None:
        self._issuing = issuing
        self._pairs = pairs
        self._now = now_ms
        self._random = random

    async def ask(self, key: str) -> None:
        """Ask about one certificate, where it is time to."""
        place, now = self._pairs.place(key), self._now()
        pair = await asyncio.to_thread(self._pairs.newest, key)
        if pair is None or pair.leaf.renewal_id is None or pair.leaf.not_after_at <= now:
            return
        attempt = await asyncio.to_thread(attempts.load, place)
        if attempt.renewal_id == pair.leaf.renewal_id and attempt.ask_at > now:
            return
        if attempt.renewal_id != pair.leaf.renewal_id:
            attempt = replace(attempt, renewal_id=pair.leaf.renewal_id, window_start_at=0, window_end_at=0, renew_at=0)
        try:
            window, seconds = await self._issuing.window(pair.leaf.renewal_id)
        except Problem as no:
            log.info("certificate.window.unknown", name=key, error=str(no))
            again = now + int(max(no.retry_after_seconds or 0, UNKNOWN_SECONDS) * 1000)
            await asyncio.to_thread(attempts.save, place, replace(attempt, ask_at=again))
            return
        attempt = replace(attempt, ask_at=now + int(seconds * 1000))
        if window is None:
            attempt = replace(attempt, window_start_at=0, window_end_at=0, renew_at=0)
        elif (window.start_at, window.end_at) != (attempt.window_start_at, attempt.window_end_at):
            attempt = replace(
                attempt, window_start_at=window.start_at, window_end_at=window.end_at,
                renew_at=window.pick(self._random),
            )  # fmt: skip
        await asyncio.to_thread(attempts.save, place, attempt)
