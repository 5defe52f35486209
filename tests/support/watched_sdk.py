"""The AgentMail SDK over both tenants of a site, each of its answers held against its own models."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import agentmail
import httpx
import pydantic
from agentmail.environment import AgentMailEnvironment

from tests.support.sdk_models import problems
from tests.support.served import served

RAW = (
    b"From: Alice <alice@remote.test>\r\nTo: agent@local.test\r\nCc: carol@remote.test\r\nSubject: Re: %s\r\n"
    b"Message-ID: <%s@remote.test>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
    b"--c\r\nContent-Type: text/plain\r\n\r\nThe kingfisher sings.\r\n\r\nOn Fri, 20 Nov 2026, Bob wrote:\r\n> Old.\r\n"
    b"--c\r\nContent-Type: text/html\r\n\r\n<p>The kingfisher sings.</p><blockquote>Old.</blockquote>\r\n--c--\r\n"
    b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\r\n%%PDF-1\r\n--b--\r\n"
)


@dataclass
class Watched:
    """The SDK's client, and what the server really answered last."""

    site: Any
    http: httpx.AsyncClient
    sdk: Any = None
    raw: list[Any] = field(default_factory=list)

    def of(self, key: str) -> Any:
        """A client of another key."""
        base = f"{self.site.base}/agent"
        return agentmail.AsyncAgentMail(
            api_key=key, httpx_client=self.http, environment=AgentMailEnvironment(http=base, websockets=base)
        )

    async def checked(self, call: Any) -> Any:
        """Await a call; its answer must be what the SDK's model says, no more and no less."""
        self.raw.clear()
        answer = await call
        (body,) = self.raw
        if isinstance(answer, pydantic.BaseModel):
            assert problems(type(answer), body) == [], type(answer).__name__
        return answer

    async def receive(self, subject: bytes, name: bytes, to: str = "agent@local.test") -> str:
        """Let mail come in; its id."""
        text: str = await self.site.house.receive(RAW % (subject, name), to=[to])
        await self.site.house.settled()
        return text


@asynccontextmanager
async def watched(directory: Path, **sections: Any) -> AsyncIterator[Watched]:
    """A site with a client of tenant A's key."""
    async with served(directory, **sections) as site:
        found = Watched(site, httpx.AsyncClient())

        async def keep(response: httpx.Response) -> None:
            await response.aread()
            is_json = response.headers.get("Content-Type", "").startswith("application/json")
            found.raw.append(response.json() if is_json and response.content else response.content)

        found.http.event_hooks = {"response": [keep]}
        async with found.http:
            found.sdk = found.of(site.tokens["a key"])
            yield found
