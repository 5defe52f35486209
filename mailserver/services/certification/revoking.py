"""Have certificates revoked: wanted on the disk first, asked for until the authority has an answer.

What is revoked is replaced by the keeper before the authority is asked; what nobody wants any more goes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mailserver.certificates import keys, leaf
from mailserver.certificates.acme import revocation
from mailserver.certificates.acme.problem import Problem
from mailserver.certificates.acme.revocation import Reason
from mailserver.certificates.pairs import Pair, Pairs
from mailserver.certificates.revocations import Revocation, Revocations
from mailserver.certificates.served import Certificates
from mailserver.entities import errors
from mailserver.services.certification import enrolment, timing
from mailserver.services.certification.enrolment import Enrolment
from mailserver.services.certification.next_keys import NextKeys

AGAIN_MS = 3_600_000  # in which the same command means the same certificate, not the one that has replaced it
# The account is gone, has another key than we know, or was never the certificate's.
_NOT_BY_US = ("accountDoesNotExist", "malformed", "unauthorized")
log = structlog.get_logger()


class Revoking:
    """Revokes; `pursue` goes on with what a crash or an authority that was down has left."""

    def __init__(
        self,
        hostname: str,
        enrolment: Enrolment,
        pairs: Pairs,
        certificates: Certificates,
        next_keys: NextKeys,
        now_ms: Callable[[], int],
    ) -> None:
        self._hostname = hostname
        self._enrolment = enrolment
        self._pairs = pairs
        self._revocations = Revocations(pairs)
        self._certificates = certificates
        self._next_keys = next_keys
        self._now = now_ms

    def condemned(self, name: str, pair: Pair | None) -> Revocation | None:
        """Why a pair is not to be served for longer than it must; None where it may be. Blocks."""
        found = self._revocations.of(name, pair.leaf.serial) if pair is not None else None
        return found if found is not None and found.is_condemned else None

    def found(self, name: str, serials: list[str]) -> list[Revocation]:
        """How far those are, by the serial numbers of their certificates. Blocks."""
        return [one for one in self._revocations.all(name) if one.serial in serials]

    def next_at(self, name: str) -> int | None:
        """When the authority is to be asked again; None where nothing is left to be revoked. Blocks."""
        return min((one.not_before_at for one in self._revocations.all(name) if one.is_open), default=None)

    def begin(self, name: str, serial: str | None, reason: Reason) -> list[str]:
        """Want a certificate revoked, the newest where no serial number is given; which it is about. Blocks.

        Where the key has leaked these are all that have it, and a key that nobody has seen is to follow: whoever has
        read the one may have read the next one, too, which lies beside it.
        """
        target = self._target(name, serial, reason)
        if isinstance(target, list):
            return target
        if target.leaf.not_after_at <= self._now():
            raise errors.Conflict(f"The certificate {target.leaf.serial} has ended: nobody takes it any more.")
        before = self._revocations.of(name, target.leaf.serial)
        is_worse = before is not None and reason is Reason.KEY_COMPROMISE and not before.is_compromised
        if before is None or before.is_refused or is_worse:
            is_leaked = reason is Reason.KEY_COMPROMISE and not (before is not None and before.is_compromised)
            successor = keys.make() if is_leaked else b""
            self._revocations.begin(name, target, reason, self._now(), successor)
        self._complete(name)
        self.ready_successor(name)
        same_key = target.leaf.public_key.hex() if reason is Reason.KEY_COMPROMISE else ""
        return [
            one.serial
            for one in self._revocations.all(name)
            if one.serial == target.leaf.serial or one.public_key == same_key
        ]

    def ready_successor(self, name: str) -> None:
        """Have the key ready that is to follow the newest one, where that has leaked. Blocks."""
        newest = self._pairs.newest(name)
        public = newest.leaf.public_key.hex() if newest is not None else ""
        found = (one.successor for one in self._revocations.all(name) if one.public_key == public and one.successor)
        successor = next(found, "")
        if successor:
            self._next_keys.ready(name, successor.encode("ascii"))

    async def pursue(self, name: str, *, at_once: bool = False) -> None:
        """Ask for what is still to be revoked; `at_once` does not wait for the time after a failure."""
        await asyncio.to_thread(self._complete, name)
        for one in await asyncio.to_thread(self._revocations.all, name):
            if one.not_after_at <= self._now():
                await asyncio.to_thread(self._revocations.drop, name, one)
            elif one.is_open and (at_once or one.not_before_at <= self._now()):
                await self._ask(name, one)

    def tidy(self, name: str, *, is_needed: bool) -> bool:
        """Take away what must not come to be served again; whether what is served changes by that. Blocks.

        `is_needed` says that there is to be a certificate of that name: the last one stays until it has a successor.
        """
        all_of_it = self._revocations.all(name)
        newest = self._pairs.newest(name)
        if newest is None or not all_of_it:
            return False
        if self.condemned(name, newest) is not None:
            if is_needed or any(one.is_open for one in all_of_it):
                return False
            self._pairs.drop(name, lambda _: True)
            return True
        for one in all_of_it:
            if one.successor or not one.replaced_by:
                followed = replace(one, successor="", replaced_by=one.replaced_by or newest.leaf.serial)
                self._revocations.save(name, followed)
        serials = {one.serial for one in all_of_it if one.is_condemned}
        leaked = {one.public_key for one in all_of_it if one.is_compromised} - {newest.leaf.public_key.hex()}
        self._pairs.drop(name, lambda pair: pair.leaf.serial in serials or pair.leaf.public_key.hex() in leaked)
        if name == self._hostname:
            self._certificates.drop_self_signed(leaked)
        return False

    def _target(self, name: str, serial: str | None, reason: Reason) -> Pair | list[str]:
        """The pair that is meant, or the serial numbers of those that are dealt with already."""
        kept = self._pairs.kept(name)
        if serial is not None:
            wanted = leaf.serial_text(serial)
            found = next((pair for pair in kept if pair.leaf.serial == wanted), None)
            if found is not None:
                return found
            if self._revocations.of(name, wanted) is not None:
                return [wanted]
            raise errors.NotFound(f"There is no certificate {wanted} of {name}; `mailserver cert status` shows them.")
        if kept and self.condemned(name, kept[0]) is not None:
            return kept[0]
        served = kept[0].leaf.serial if kept else ""
        recent = [one.serial for one in self._revocations.all(name) if self._is_meant(one, served, reason)]
        if recent:
            return recent
        if not kept:
            raise errors.NotFound(f"There is no certificate {name} of an authority; see `mailserver cert status`.")
        return kept[0]

    def _is_meant(self, one: Revocation, served: str, reason: Reason) -> bool:
        """Whether a wish without a serial number is an earlier one that is said again, and not about what is served."""
        if not one.was_served or not one.is_condemned or (reason is Reason.KEY_COMPROMISE and not one.is_compromised):
            return False
        is_followed = one.replaced_by in ("", served)  # by what is served, and nothing was done to that since
        return not served or (is_followed and (one.is_open or one.asked_at > self._now() - AGAIN_MS))

    def _complete(self, name: str) -> None:
        """Want whatever has a leaked key revoked, for that reason."""
        found = {one.serial: one for one in self._revocations.all(name)}
        leaked = {one.public_key for one in found.values() if one.is_compromised}
        for pair in self._pairs.kept(name):
            before = found.get(pair.leaf.serial)
            is_known = before is not None and before.is_compromised
            if pair.leaf.public_key.hex() in leaked and not is_known and pair.leaf.not_after_at > self._now():
                self._revocations.begin(name, pair, Reason.KEY_COMPROMISE, self._now())

    async def _ask(self, name: str, one: Revocation) -> None:
        try:
            async with enrolment.patience():
                await self._revoke(one)
        except Problem as no:
            failed = timing.revocation_failed(one, no, self._now())
            await asyncio.to_thread(self._revocations.save, name, failed)
            log.warning("certificate.revocation.refused", name=name, serial=one.serial, error=str(no))
            return
        await asyncio.to_thread(self._revocations.save, name, one.done(self._now()))
        log.info("certificate.revoked", name=name, serial=one.serial, reason=one.reason.value)

    async def _revoke(self, one: Revocation) -> None:
        """By our account; where that is gone, by the certificate's own key (RFC 8555 7.6)."""
        certificate = x509.load_pem_x509_certificate(one.certificate.encode("ascii")).public_bytes(Encoding.DER)
        if await self._enrolment.is_registered():
            try:
                await revocation.ask(await self._enrolment.registered(), certificate, one.reason)
            except Problem as no:
                if no.type not in _NOT_BY_US:
                    raise
                log.info("certificate.revocation.by_key", serial=one.serial, error=str(no))
            else:
                return
        own = self._enrolment.of_key(one.key.encode("ascii"))
        await revocation.ask(own, certificate, one.reason, by_key=True)
