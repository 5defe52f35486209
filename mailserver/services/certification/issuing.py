"""One certificate from the authority: account, order, and the pair that is kept."""

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import replace

from mailserver.certificates import attempts, keys, leaf
from mailserver.certificates.acme import renewal_info, signing_request
from mailserver.certificates.acme.order import Ordering, Wish
from mailserver.certificates.acme.problem import Problem
from mailserver.certificates.acme.renewal_info import Window
from mailserver.certificates.acme.solving import Solver
from mailserver.certificates.pairs import Pairs
from mailserver.services.certification import enrolment
from mailserver.services.certification.enrolment import Enrolment

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")


class Issuing:
    """Asks the authority. Problem says why there is no certificate."""

    def __init__(self, enrolment: Enrolment, pairs: Pairs, solvers: Sequence[Solver]) -> None:
        self._enrolment = enrolment
        self._pairs = pairs
        self._solvers = tuple(solvers)

    def authorizations(self) -> tuple[str, ...]:
        """The CAA records by which nobody else gets our certificates (RFC 8657); none without an account. Blocks."""
        account = self._enrolment.kept()
        if account is None or not account.url:
            return ()
        methods = ",".join(solver.type for solver in self._solvers)
        rest = f"; accounturi={account.url}; validationmethods={methods}"
        return tuple(f'0 issue "{identity}{rest}"' for identity in account.identities if _HOST.fullmatch(identity))

    async def run(self, key: str, names: tuple[str, ...], private: bytes, failures: int) -> None:
        """Have a key certified for names, and keep the pair. Nothing is kept where it fails but the order begun."""
        async with enrolment.patience():
            await self._run(key, names, private, failures)

    async def window(self, renewal_id: str) -> tuple[Window | None, float]:
        """When the authority wants a certificate renewed, and when to ask again."""
        async with enrolment.patience():
            return await renewal_info.ask(await self._enrolment.authority(), renewal_id)

    async def _run(self, key: str, names: tuple[str, ...], private: bytes, failures: int) -> None:
        authority = await self._enrolment.registered()
        place = self._pairs.place(key)
        attempt = await asyncio.to_thread(attempts.load, place)
        before = await asyncio.to_thread(self._pairs.newest, key)
        request = signing_request.make(keys.read(private), names)
        wish = Wish(names, request, before.leaf.renewal_id if before else None, attempt.order)
        # Each failure begins with the next way to prove a name: what stands in the way of one may let another pass.
        first = failures % len(self._solvers) if self._solvers else 0
        solvers = self._solvers[first:] + self._solvers[:first]

        async def note(order: str) -> None:
            await asyncio.to_thread(attempts.save, place, replace(attempt, order=order))

        try:
            chain = await Ordering(authority, solvers, note).run(wish)
        except Problem as no:
            if no.type == "accountDoesNotExist":  # the next attempt registers anew
                await self._enrolment.forget()
            raise
        try:
            _check(chain, private, names)
        except Problem:
            await note("")  # that order leads nowhere
            raise
        await asyncio.to_thread(self._pairs.save, key, chain, private)


def chance() -> float:
    """A number from 0 to 1."""
    return random.random()  # noqa: S311  it spreads load, and keeps no secret


def _check(chain: bytes, private: bytes, names: Sequence[str]) -> None:
    """Refuse what is no certificate for our key and our names."""
    try:
        found = leaf.read(chain)
    except ValueError as error:
        raise Problem("", "The authority sent no certificate that can be read") from error
    if found.public_key != keys.public(private):
        raise Problem("", "The authority sent a certificate for another key")
    missing = [name for name in names if not found.has(name)]
    if missing:
        raise Problem("", f"The authority sent a certificate without {', '.join(missing)}")
