"""Talk to an authority: its directory, its nonces, and requests that an account signs (RFC 8555 6, 7.1)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from mailserver.certificates.acme import jws, problem
from mailserver.certificates.acme.problem import Problem

MOST_NONCES = 8  # that are refused before it is given up: RFC 8555 6.5 lets an authority refuse any of them
REQUEST_SECONDS = 30.0
MOST_BYTES = 1 << 20
JOSE = "application/jose+json"


class Answer(Protocol):
    """What came back, header names in lower case."""

    @property
    def status(self) -> int:
        """The status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The fields."""
        ...

    @property
    def body(self) -> bytes:
        """The whole body."""
        ...


class Web(Protocol):
    """The HTTP client; what it raises where there is no answer goes through."""

    async def get(
        self, url: str, *, timeout_seconds: float, limit_bytes: int, trust: Path | None, trusted: bool
    ) -> Answer:
        """Get a resource."""
        ...

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], timeout_seconds: float, limit_bytes: int,
        trust: Path | None, trusted: bool,
    ) -> Answer:  # fmt: skip
        """Post a body."""
        ...


@dataclass(frozen=True, slots=True)
class Directory:
    """What an authority offers (RFC 8555 7.1.1); `renewal_info` is of RFC 9773. What it does not offer is empty."""

    new_nonce: str
    new_account: str
    new_order: str
    revoke: str
    key_change: str
    renewal_info: str
    terms: str
    needs_binding: bool
    identities: tuple[str, ...]  # that CAA records may name


@dataclass(frozen=True, slots=True)
class Reply:
    """A success."""

    location: str
    retry_after_seconds: float | None
    body: bytes

    def document(self) -> dict[str, Any]:
        """The body as an object; Problem where it is none."""
        return _object(self.body)


class Authority:
    """One authority, as one account's key talks to it."""

    def __init__(
        self, web: Web, url: str, key: ec.EllipticCurvePrivateKey, trust: Path | None, now: Callable[[], float]
    ) -> None:
        self._web = web
        self._url = url
        self._key = key
        self._trust = trust
        self._now = now
        self._nonce = ""
        self._directory: Directory | None = None
        self.account = ""

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The account's key."""
        return self._key

    async def directory(self) -> Directory:
        """What the authority offers, asked for once."""
        if self._directory is None:
            self._directory = _directory((await self.get(self._url)).document())
        return self._directory

    async def get(self, url: str) -> Reply:
        """Get what needs no signature; Problem where the answer is no success."""
        answer = await self._web.get(
            url, timeout_seconds=REQUEST_SECONDS, limit_bytes=MOST_BYTES, trust=self._trust, trusted=True
        )
        return self._reply(answer)

    async def post(self, url: str, payload: Any, *, by_key: bool = False) -> Reply:
        """Post a signed request, None to read; Problem where the answer is no success.

        `by_key` signs with the key itself, as whoever has no account yet must.
        """
        for _ in range(MOST_NONCES):
            known = {"jwk": jws.public(self._key)} if by_key else {"kid": self.account}
            header = {**known, "nonce": await self._take_nonce(), "url": url}
            try:
                return self._reply(await self._send(url, jws.signed(self._key, header, payload)))
            except Problem as no:
                if no.type != "badNonce":
                    raise
        raise Problem("badNonce", f"The authority refused {MOST_NONCES} nonces of its own")

    async def _send(self, url: str, body: bytes) -> Answer:
        answer = await self._web.post(
            url, body, headers={"Content-Type": JOSE}, timeout_seconds=REQUEST_SECONDS, limit_bytes=MOST_BYTES,
            trust=self._trust, trusted=True,
        )  # fmt: skip
        self._nonce = answer.headers.get("replay-nonce", "")
        return answer

    async def _take_nonce(self) -> str:
        nonce, self._nonce = self._nonce, ""
        if nonce:
            return nonce
        answer = await self._web.get(
            (await self.directory()).new_nonce, timeout_seconds=REQUEST_SECONDS, limit_bytes=MOST_BYTES,
            trust=self._trust, trusted=True,
        )  # fmt: skip
        self._reply(answer)
        fresh = answer.headers.get("replay-nonce", "")
        if not fresh:
            raise Problem("", "The authority gives out no nonces")
        return fresh

    def _reply(self, answer: Answer) -> Reply:
        if not 200 <= answer.status < 300:
            raise problem.of_answer(answer.status, answer.headers, answer.body, self._now())
        waits = problem.retry_after(answer.headers, self._now())
        return Reply(answer.headers.get("location", ""), waits, answer.body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Problem("", "The authority's answer is no JSON object")
    return document


def _directory(document: dict[str, Any]) -> Directory:
    nonce, account, order = (str(document.get(name) or "") for name in ("newNonce", "newAccount", "newOrder"))
    if not (nonce and account and order):
        raise Problem("", "The address acme.directory leads to no directory of RFC 8555")
    meta = document.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    identities = meta.get("caaIdentities")
    return Directory(
        new_nonce=nonce,
        new_account=account,
        new_order=order,
        revoke=str(document.get("revokeCert") or ""),
        key_change=str(document.get("keyChange") or ""),
        renewal_info=str(document.get("renewalInfo") or ""),
        terms=str(meta.get("termsOfService") or ""),
        needs_binding=meta.get("externalAccountRequired") is True,
        identities=tuple(str(one) for one in identities) if isinstance(identities, list) else (),
    )
