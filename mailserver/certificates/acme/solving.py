"""What proves a name to an authority (RFC 8555 8): whoever can, and the tokens that it asks for by HTTP."""

from typing import Protocol


class Solver(Protocol):
    """Puts a proof where the authority looks for it."""

    @property
    def type(self) -> str:
        """The challenge that it solves."""
        ...

    async def present(self, name: str, token: str, key_authorization: str) -> None:
        """Put the proof there."""
        ...

    async def cleanup(self, name: str, token: str, key_authorization: str) -> None:
        """Take it away again."""
        ...


class HttpTokens:
    """Solves http-01 (RFC 8555 8.3): the tokens that a web server has to answer with their key authorization."""

    type = "http-01"

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def answer(self, token: str) -> str | None:
        """What to answer where a token is asked for; None where it is none of ours."""
        return self._answers.get(token)

    async def present(self, name: str, token: str, key_authorization: str) -> None:
        """Answer from now on."""
        del name
        self._answers[token] = key_authorization

    async def cleanup(self, name: str, token: str, key_authorization: str) -> None:
        """Answer no more."""
        del name, key_authorization
        self._answers.pop(token, None)
