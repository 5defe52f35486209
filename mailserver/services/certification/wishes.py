"""What the operator wants done with certificates beside what is done by itself."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from mailserver.certificates.acme.problem import Problem
from mailserver.certificates.acme.revocation import Reason
from mailserver.certificates.pairs import Pairs
from mailserver.certificates.served import Certificates
from mailserver.entities import errors
from mailserver.services.certification import enrolment, states
from mailserver.services.certification.keeper import Desk, Keeper
from mailserver.services.certification.names import Wanted
from mailserver.services.certification.next_keys import NextKeys
from mailserver.services.certification.states import CertificateState, Changed, Revoked

log = structlog.get_logger()


class Wishes:
    """Renews, changes keys and revokes at once, between the keeper's rounds. `desk` is None where ACME is off."""

    def __init__(
        self,
        hostname: str,
        keeper: Keeper,
        desk: Desk | None,
        certificates: Certificates,
        pairs: Pairs,
        next_keys: NextKeys,
    ) -> None:
        self._hostname = hostname
        self._keeper = keeper
        self._desk_or_none = desk
        self._certificates = certificates
        self._pairs = pairs
        self._next_keys = next_keys

    async def renew(self, name: str | None, *, force: bool = False) -> list[CertificateState]:
        """Renew what is due, or everything, or one by its name; how these stand then."""
        self._desk()
        async with self._keeper.turn() as all_of_them:
            for wanted in [self._one(all_of_them, name)] if name is not None else list(all_of_them.values()):
                await self._keeper.tend(wanted, force=force, at_once=True)
        return [one for one in await self._keeper.state() if name in (None, one.name)]

    async def rekey(self, name: str, *, at_once: bool = False, cancel: bool = False) -> Changed:
        """Ready a key for a certificate, and use it as soon as TLSA records allow, or at once; how far that is.

        To `cancel` is to forget the key that was made ready.
        """
        self._desk()
        async with self._keeper.turn() as all_of_them:
            wanted = self._one(all_of_them, name)
            before = await asyncio.to_thread(self._pairs.newest, name)
            if before is None:
                raise errors.Conflict(
                    f"The authority has not given a certificate for {name} yet; `mailserver cert status` says why."
                )
            if cancel:
                await asyncio.to_thread(self._next_keys.drop, name)
            else:
                await asyncio.to_thread(self._next_keys.ready, name)
            await asyncio.to_thread(self._keeper.publish)
            await self._keeper.tend(wanted, at_once=True, uses_next=at_once and not cancel)
        return await self._changed(name, [before.leaf.public_key])

    async def revoke(self, name: str, serial: str | None, reason: Reason) -> Revoked:
        """Have a certificate revoked: the one that is served, or an earlier one by its serial number.

        One that is served is replaced first, with another key where the key has leaked. What the authority does not
        answer is asked again until it does, over restarts too.
        """
        desk = self._desk()
        async with self._keeper.turn() as all_of_them:
            if serial is None:
                self._refuse_others(name)
            if name not in await asyncio.to_thread(self._pairs.names):
                raise _unknown(name)
            serials = await asyncio.to_thread(desk.revoking.begin, name, serial, reason)
            await asyncio.to_thread(self._keeper.publish)
            if name in all_of_them:
                await self._keeper.tend(all_of_them[name], at_once=True)
            await desk.revoking.pursue(name, at_once=True)
            await self._keeper.tidy(name)
            found = await asyncio.to_thread(desk.revoking.found, name, serials)
        leaked = [bytes.fromhex(one.public_key) for one in found if one.is_compromised]
        return states.revoked(found, reason.value, await self._changed(name, leaked))

    async def change_account_key(self) -> str:
        """Give our account with the authority another key; the account's address."""
        desk = self._desk()
        async with self._keeper.turn():
            try:
                async with enrolment.patience():
                    if not await desk.enrolment.is_registered():
                        raise errors.Conflict(
                            "There is no account with the authority yet: the first certificate makes it."
                        )
                    changed = await desk.enrolment.change_key()
            except Problem as no:
                if no.is_final:
                    raise errors.RefusedOutside(f"The authority refused: {no}. The key is the old one.") from no
                raise errors.Unreachable(
                    f"{no}. Both keys are kept until the server has found out which of them the authority knows. "
                    "Run this again."
                ) from no
        log.info("certificate.account.rekeyed", account=changed)
        return changed

    async def _changed(self, name: str, keys_before: Sequence[bytes]) -> Changed:
        """How a certificate stands, and what that means for TLSA records."""
        state = next((one for one in await self._keeper.state() if one.name == name), None)
        pair = await asyncio.to_thread(self._pairs.newest, name)
        if pair is None or name != self._hostname or self._certificates.operator_names() is not None:
            return Changed(name, state)
        served = pair.leaf.public_key
        gone = [self._next_keys.record_of(one) for one in dict.fromkeys(keys_before) if one != served]
        following = await asyncio.to_thread(self._next_keys.record, name)
        return Changed(name, state, following or (self._next_keys.record_of(served) if gone else ""), tuple(gone))

    def _desk(self) -> Desk:
        """Who deals with the authority; a refusal where nobody does."""
        if self._desk_or_none is None:
            raise errors.Conflict("ACME is off: set acme.enabled, or renew the files that tls.certificate names.")
        return self._desk_or_none

    def _one(self, all_of_them: Mapping[str, Wanted], name: str) -> Wanted:
        """A certificate by its name; a refusal where the authority is asked for none."""
        found = all_of_them.get(name)
        if found is None:
            self._refuse_others(name)
            raise _unknown(name)
        return found

    def _refuse_others(self, name: str) -> None:
        """Refuse what the authority has nothing to do with."""
        if name == self._hostname and self._certificates.operator_names() is not None:
            raise errors.Conflict(
                f"The certificate of {name} is your own (tls.certificate): see to it where it comes from."
            )


def _unknown(name: str) -> errors.NotFound:
    return errors.NotFound(f"There is no certificate {name}; `mailserver cert status` shows their names.")
