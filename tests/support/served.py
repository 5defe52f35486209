"""Both faces on a loopback port, over the services of a house in this process, with two tenants in it.

async with served(tmp_path) as site:
    await site.call("GET", "/v1/messages/", site.tokens["a1"])
"""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from mailserver.api import mount
from mailserver.entities.access import ALL_SCOPES, Scope
from mailserver.entities.inbox import Inbox
from mailserver.http import server
from mailserver.jmap.capabilities import Limits
from mailserver.jmap.mount import Jmap
from mailserver.services.accounts.bootstrap import Bootstrapped
from tests.support.inside import PASSWORD, House, furnished, inside

SECRET = b"a secret of the links and cursors"


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(slots=True)
class Site:
    """The faces, and who may call them."""

    house: House
    base: str
    client: aiohttp.ClientSession
    inboxes: dict[str, Inbox] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    async def auth(self, path: str, token: str | None = None, **body: Any) -> Answer:
        """An answer of the endpoints by which people log in."""
        return await self.call("POST", f"/auth/{path}/", token, json=body)

    async def call(self, method: str, path: str, token: str | None = None, **more: Any) -> Answer:
        """Call an endpoint; `path` goes out as it is written."""
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
        url = aiohttp.client.URL(self.base + path, encoded=True)
        async with self.client.request(method, url, headers=headers, allow_redirects=False, **more) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def document(self) -> dict[str, Any]:
        """The OpenAPI document as it is served."""
        found: dict[str, Any] = (await self.call("GET", "/openapi.json")).json
        return found

    async def token(self, kind: str, inbox: Inbox | None = None, scopes: frozenset[Scope] = ALL_SCOPES) -> str:
        """A further token of tenant A."""
        assert self.house.account is not None
        _, text = await self.house.services.access.create_token(
            self.house.account.tenant.id, kind, "test", inbox_id=inbox.id if inbox else None, scopes=scopes
        )
        return text


class NoMetrics:
    """Nothing is counted here."""

    async def page(self) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class _Tenants:
    account: Bootstrapped
    inboxes: dict[str, Inbox]
    tokens: dict[str, str]


async def _two_tenants(directory: Path) -> _Tenants:
    async with inside(directory) as house:
        account, access = house.account, house.services.access
        assert account is not None
        second = await house.services.inboxes.add("second@local.test")
        other = await house.services.bootstrap.run("other.test", "agent@other.test", PASSWORD)
        inboxes, tokens = {"a1": account.inbox, "a2": second, "b1": other.inbox}, dict[str, str]()
        for name, inbox in inboxes.items():
            _, tokens[name] = await access.create_token(inbox.tenant_id, "agent", name, inbox_id=inbox.id)
        for name, made in (("a", account), ("b", other)):
            assert made.session_token is not None
            assert made.api_key is not None
            tokens[f"{name} session"], tokens[f"{name} key"] = made.session_token, made.api_key
        _, tokens["expired"] = await access.create_token(
            account.tenant.id, "agent", "x", inbox_id=account.inbox.id, expires_at=int(time.time() * 1000) - 1
        )
        revoked, tokens["revoked"] = await access.create_token(
            account.tenant.id, "agent", "x", inbox_id=account.inbox.id
        )
        await house.store.database.write(lambda tx: tx.execute("DELETE FROM token WHERE id = ?", (revoked.id,)))
        return _Tenants(account, inboxes, tokens)


@asynccontextmanager
async def served(directory: Path, **sections: Any) -> AsyncIterator[Site]:
    """Tenant A with inboxes a1 and a2 on local.test, tenant B with b1 on other.test."""
    made = await furnished(directory / "data", _two_tenants)
    async with inside(directory, **sections) as house:
        house.account = made.account
        application = mount.application(
            house.services, "http://mail.local.test", SECRET, 300_000, CollectorRegistry(), list, NoMetrics(), ""
        )
        Jmap(house.services, "http://mail.local.test", Limits(300_000)).mount(application)
        async with (
            server.running(application, ["127.0.0.1:0"], (), None, 1.0) as addresses,
            aiohttp.ClientSession() as client,
        ):
            yield Site(house, f"http://{addresses[0]}", client, dict(made.inboxes), dict(made.tokens))
