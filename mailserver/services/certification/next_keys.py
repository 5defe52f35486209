"""The key that a certificate is to have next: made before anybody signs it, used when TLSA records allow for it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from mailserver.certificates import attempts, keys
from mailserver.certificates.attempts import Attempt
from mailserver.certificates.pairs import Pairs
from mailserver.certificates.served import Certificates
from mailserver.mail import tlsa
from mailserver.mail.resolver import LookupFailed, TlsaAnswer
from mailserver.services.certification import timing


class Resolver(Protocol):
    """Reads TLSA records; LookupFailed where DNS gave no answer."""

    async def tlsa(self, name: str) -> TlsaAnswer:
        """The records of a name."""
        ...


class NextKeys:
    """Readies keys. Only the host's own are named by TLSA records: those of other certificates may change at once."""

    def __init__(
        self, hostname: str, certificates: Certificates, pairs: Pairs, resolver: Resolver, now_ms: Callable[[], int]
    ) -> None:
        self._hostname = hostname
        self._certificates = certificates
        self._pairs = pairs
        self._resolver = resolver
        self._now = now_ms

    def private(self, name: str, *, with_next: bool) -> bytes:
        """The key to be certified; the first one is the self-signed certificate's, which TLSA records know. Blocks."""
        current = self._pairs.key(name)
        if current is not None and not with_next:
            return current
        ready = self._pairs.next_key(name)
        if ready is None:
            is_first = current is None and name == self._hostname
            ready = (self._certificates.self_signed_key() if is_first else None) or keys.make()
            self._pairs.keep_next_key(name, ready)
        return ready

    def ready(self, name: str, wanted: bytes = b"") -> None:
        """Have a next key: the one that is wanted, or any. Blocks."""
        there = self._pairs.next_key(name)
        if there is not None and wanted in (b"", there):
            return
        place = self._pairs.place(name)
        attempts.save(place, replace(attempts.load(place), next_key_seen_at=0, longest_ttl_seconds=0))
        self._pairs.keep_next_key(name, wanted or keys.make())

    def drop(self, name: str) -> None:
        """Have none. Blocks."""
        self._pairs.drop_next_key(name)

    def record(self, name: str) -> str:
        """The TLSA record of the host's next key, as a zone file has it; empty where there is none. Blocks."""
        public = self._pairs.next_public_key(name) if name == self._hostname else None
        return self.record_of(public) if public else ""

    def record_of(self, public_key: bytes) -> str:
        """The TLSA record of a key of the host."""
        return f"{self._place}. IN TLSA {tlsa.text(tlsa.of_key(public_key))}"

    async def is_ripe(self, name: str) -> bool:
        """Whether there is a next key, and nobody's TLSA records would be wrong with it."""
        ready = await asyncio.to_thread(self._pairs.next_key, name)
        if ready is None:
            return False
        if await asyncio.to_thread(self._pairs.next_public_key, name) is None:  # a crash left it behind
            await asyncio.to_thread(self._pairs.drop_next_key, name)
            return False
        if name != self._hostname:
            return True
        try:
            found = await self._resolver.tlsa(self._place)
        except LookupFailed:
            return False
        if not any(one.usage == tlsa.END_ENTITY for one in tlsa.usable(found.records)):
            return True  # what vouches for the authority says nothing of keys
        attempt = await self._seen(name, found, is_there=tlsa.of_key(keys.public(ready)) in found.records)
        ripe_at = timing.ripe_at(attempt)
        return ripe_at is not None and ripe_at <= self._now()

    async def _seen(self, name: str, found: TlsaAnswer, *, is_there: bool) -> Attempt:
        """Note since when the next key's record is there, and for how long others may go on without it."""
        place = self._pairs.place(name)
        before = await asyncio.to_thread(attempts.load, place)
        seen_at = (before.next_key_seen_at or self._now()) if is_there else 0
        longest = max(before.longest_ttl_seconds, found.ttl_seconds)
        attempt = replace(before, next_key_seen_at=seen_at, longest_ttl_seconds=longest)
        if attempt != before:
            await asyncio.to_thread(attempts.save, place, attempt)
        return attempt

    @property
    def _place(self) -> str:
        return f"_25._tcp.{self._hostname}"
