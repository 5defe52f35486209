"""AUTH: PLAIN, LOGIN, SCRAM and bearer tokens, without blocking (RFC 4954, RFC 4616, RFC 5802, RFC 7628)."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.smtp import bearer, scram
from mailserver.smtp.contracts import Logins

LONGEST_NAME = 320
LONGEST_SECRET = 1_024


class Malformed(Exception):
    """The client's answer cannot be decoded."""


class TooLong(Exception):
    """The client's answer is longer than RFC 4954 4 lets it be."""


class Cancelled(Exception):
    """The client sent `*` (RFC 4954 4)."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who has logged in."""

    name: str
    caller: Caller


class Ask(Protocol):
    """Puts a challenge to the client and waits for the answer."""

    async def __call__(self, challenge: bytes) -> bytes:
        """Return the client's answer as its line stands."""
        ...


class Authenticator:
    """Runs the mechanisms against the logins."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    @staticmethod
    def mechanisms(bindings: scram.Bindings) -> tuple[str, ...]:
        """Name what can be used on this connection, the strongest first."""
        plus = (scram.PLUS,) if bindings else ()
        return (*plus, scram.PLAIN, "PLAIN", "LOGIN", bearer.OAUTHBEARER, bearer.XOAUTH2)

    def is_banned(self, peer: str) -> bool:
        """Whether no login from an address would be looked at."""
        return self._logins.is_banned(peer)

    def failures(self, peer: str) -> int:
        """How often logins from an address have failed lately."""
        return self._logins.failures(peer)

    async def run(self, mechanism: str, initial: str | None, ask: Ask, bindings: scram.Bindings, peer: str) -> Login:
        """Log in; Malformed, Cancelled or a ServiceError otherwise."""
        conversation = _Conversation(ask, initial)
        steps: dict[str, Callable[[], Awaitable[Login]]] = {
            "PLAIN": lambda: self._plain(conversation, peer),
            "LOGIN": lambda: self._login(conversation, peer),
            scram.PLAIN: lambda: self._scram(scram.PLAIN, conversation, bindings, peer),
            scram.PLUS: lambda: self._scram(scram.PLUS, conversation, bindings, peer),
            bearer.OAUTHBEARER: lambda: self._bearer(bearer.OAUTHBEARER, conversation, peer),
            bearer.XOAUTH2: lambda: self._bearer(bearer.XOAUTH2, conversation, peer),
        }
        return await steps[mechanism]()

    async def _plain(self, conversation: "_Conversation", peer: str) -> Login:
        parts = (await conversation.first(b"")).split("\0")
        if len(parts) != 3:
            raise Malformed
        authzid, name, secret = parts
        if not name or not secret:
            raise errors.Unauthenticated
        if authzid and authzid != name:  # RFC 4616 2: nobody acts for another here
            raise errors.Unauthenticated
        return await self._password(name, secret, peer)

    async def _login(self, conversation: "_Conversation", peer: str) -> Login:
        name = await conversation.first(b"Username:")
        secret = await conversation.next(b"Password:")
        return await self._password(name, secret, peer)

    async def _bearer(self, mechanism: str, conversation: "_Conversation", peer: str) -> Login:
        """An agent token as the secret; the client acknowledges a refusal before it hears the reply."""
        try:
            asked = bearer.read(mechanism, await conversation.first(b""))
        except bearer.BearerMalformed as error:
            raise Malformed from error
        try:
            return await self._password(asked.name, asked.token, peer)
        except errors.Unauthenticated:
            if await conversation.next(bearer.REFUSAL) not in (bearer.ACKNOWLEDGED, ""):
                raise Malformed from None
            raise

    async def _password(self, name: str, secret: str, peer: str) -> Login:
        if not name or not secret or len(name) > LONGEST_NAME or len(secret) > LONGEST_SECRET:
            raise errors.Unauthenticated
        if "\0" in name or "\0" in secret or not name.isprintable():
            raise errors.Unauthenticated
        return Login(name, await self._logins.password(name, secret, peer))

    async def _scram(self, mechanism: str, conversation: "_Conversation", bindings: scram.Bindings, peer: str) -> Login:
        name = ""
        try:
            exchange = scram.Exchange(mechanism, bindings, await conversation.first(b""))
            name = exchange.name
            if len(name) > LONGEST_NAME or not name.isprintable():
                raise errors.Unauthenticated
            keys = await self._logins.scram_keys(name, peer)
            final = await conversation.next(exchange.challenge(keys).encode())
            answer = exchange.final(final)
        except scram.ScramMalformed as error:
            raise Malformed from error
        except scram.ScramFailed as error:
            await self._logins.scram_failed(name, peer)
            raise errors.Unauthenticated from error
        # RFC 4954 4 has no success message with data, so the proof is one more challenge with an empty answer.
        if await conversation.next(answer.encode()):
            raise Malformed
        return Login(name, await self._logins.scram_login(name, peer))


class _Conversation:
    """Challenges and answers in base64, beginning with the initial response where there was one."""

    def __init__(self, ask: Ask, initial: str | None) -> None:
        self._ask = ask
        self._initial = initial

    async def first(self, challenge: bytes) -> str:
        """Return the initial response, or ask for it."""
        if self._initial is None:
            return await self.next(challenge)
        return _decoded(b"" if self._initial == "=" else self._initial.encode())

    async def next(self, challenge: bytes) -> str:
        """Ask."""
        answer = await self._ask(base64.b64encode(challenge))
        if answer == b"*":
            raise Cancelled
        return _decoded(answer)


def _decoded(answer: bytes) -> str:
    try:
        return base64.b64decode(answer, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Malformed from error
