"""Order a certificate: prove each name, hand in the request, take the chain (RFC 8555 7.4, 7.5)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from mailserver.certificates.acme import jws, problem
from mailserver.certificates.acme.authority import Authority, Reply
from mailserver.certificates.acme.problem import Problem
from mailserver.certificates.acme.solving import Solver

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 15.0  # between looks at what the authority works on
LONGEST_ASKED_SECONDS = 60.0  # where it says itself when to look again
MOST_AUTHORIZATIONS = 100
UNDER_WAY = ("pending", "ready", "processing", "valid")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wish:
    """What is ordered. `replaces` is the certificate that goes (RFC 9773 5), `begun` an order of an earlier try."""

    names: tuple[str, ...]
    request: bytes
    replaces: str | None = None
    begun: str = ""


class Ordering:
    """Orders from one authority. `noted` hears the order's address as soon as it is known."""

    def __init__(
        self, authority: Authority, solvers: Sequence[Solver], noted: Callable[[str], Awaitable[None]]
    ) -> None:
        self._authority = authority
        self._solvers = solvers
        self._noted = noted

    async def run(self, wish: Wish) -> bytes:
        """The chain in PEM; Problem where the authority gives none. It may take minutes: the caller has the time."""
        url, order = await self._order(wish)
        if order.get("status") == "pending":
            for authorization in _texts(order.get("authorizations")):
                await self._prove(authorization)
            order = await self._until(url, ("ready", "valid"))
        if order.get("status") == "ready":
            await self._authority.post(_text(order.get("finalize")), {"csr": jws.base64url(wish.request)})
        if order.get("status") != "valid":
            order = await self._until(url, ("valid",))
        return (await self._authority.post(_text(order.get("certificate")), None)).body

    async def _order(self, wish: Wish) -> tuple[str, dict[str, Any]]:
        begun = await self._begun(wish)
        if begun is not None:
            return begun
        payload: dict[str, Any] = {"identifiers": [{"type": "dns", "value": name} for name in wish.names]}
        offered = await self._authority.directory()
        try:
            replaces = {"replaces": wish.replaces} if wish.replaces and offered.renewal_info else {}
            reply = await self._authority.post(offered.new_order, payload | replaces)
        except Problem as no:
            # RFC 9773 5: an authority that knows nothing of the one to replace says so; the new one is wanted anyway.
            if not wish.replaces or no.type not in ("alreadyReplaced", "malformed", "unauthorized", "conflict"):
                raise
            reply = await self._authority.post(offered.new_order, payload)
        if not reply.location:
            raise Problem("", "The authority says not where the order is")
        await self._noted(reply.location)
        return reply.location, reply.document()

    async def _begun(self, wish: Wish) -> tuple[str, dict[str, Any]] | None:
        """The order of an earlier try, where it can still lead somewhere."""
        if not wish.begun:
            return None
        try:
            order = (await self._authority.post(wish.begun, None)).document()
        except Problem:
            return None
        identifiers = order.get("identifiers")
        names = {str(one.get("value")) for one in identifiers or () if isinstance(one, dict)}
        if order.get("status") not in UNDER_WAY or names != set(wish.names):
            return None
        return wish.begun, order

    async def _prove(self, url: str) -> None:
        """Solve one of the challenges of an authorization (RFC 8555 7.5)."""
        authorization = (await self._authority.post(url, None)).document()
        if authorization.get("status") == "valid":
            return
        name = _text((authorization.get("identifier") or {}).get("value"))
        offered = [one for one in authorization.get("challenges") or () if isinstance(one, dict)]
        solver, challenge = self._choose(name, offered)
        token = _text(challenge.get("token"))
        proof = f"{token}.{jws.thumbprint(self._authority.key)}"
        try:
            await solver.present(name, token, proof)
            await self._authority.post(_text(challenge.get("url")), {})
            await self._until(url, ("valid",))
        finally:
            await self._cleanup(solver, name, token, proof)

    def _choose(self, name: str, offered: Sequence[dict[str, Any]]) -> tuple[Solver, dict[str, Any]]:
        for solver in self._solvers:
            for challenge in offered:
                if challenge.get("type") == solver.type:
                    return solver, challenge
        ours = ", ".join(solver.type for solver in self._solvers) or "nothing"
        theirs = ", ".join(str(one.get("type"))[:40] for one in offered)
        raise Problem("", f"For {name} the authority takes {theirs or 'no proof'}; set up here is {ours}")

    async def _cleanup(self, solver: Solver, name: str, token: str, proof: str) -> None:
        try:
            await solver.cleanup(name, token, proof)
        except Problem as left:
            log.warning("certificate.proof.left", name=name, type=solver.type, error=str(left))

    async def _until(self, url: str, wanted: tuple[str, ...]) -> dict[str, Any]:
        """Look until an order or an authorization is what is wanted; Problem where it cannot become that any more."""
        wait = FIRST_WAIT_SECONDS
        while True:
            reply = await self._authority.post(url, None)
            document = reply.document()
            status = document.get("status")
            if status in wanted:
                return document
            if status not in ("pending", "processing", "ready"):
                raise _reason(document, reply)
            asked = wait if reply.retry_after_seconds is None else reply.retry_after_seconds
            await asyncio.sleep(min(max(asked, FIRST_WAIT_SECONDS), LONGEST_ASKED_SECONDS))
            wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)


def _reason(document: dict[str, Any], reply: Reply) -> Problem:
    """Why something became invalid: its own error, or that of the challenge that failed."""
    instead = f"The authority says {str(document.get('status'))[:40]}"
    failed = [one["error"] for one in document.get("challenges") or () if isinstance(one, dict) and one.get("error")]
    return problem.of_document(document.get("error") or next(iter(failed), None), reply.retry_after_seconds, instead)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise Problem("", "The authority's answer lacks what RFC 8555 says is in it")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_AUTHORIZATIONS:
        raise Problem("", "The authority's answer lacks what RFC 8555 says is in it")
    return [_text(one) for one in value]
