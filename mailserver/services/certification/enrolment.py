"""Our account with the authority, and how long the authority may take for an answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mailserver.certificates import keys
from mailserver.certificates.acme import account as accounts
from mailserver.certificates.acme import key_change
from mailserver.certificates.acme.account import Account, Accounts, Registration
from mailserver.certificates.acme.authority import Authority, Web
from mailserver.certificates.acme.problem import Problem, Unreachable
from mailserver.fetch import FetchFailed

ATTEMPT_SECONDS = 600.0  # for all of one certificate


@dataclass(frozen=True, slots=True)
class Terms:
    """Which authority, and as whom. `trust` is a PEM file of authorities that its own certificate may come from."""

    directory: str
    registration: Registration
    trust: Path | None = None


@asynccontextmanager
async def patience() -> AsyncIterator[None]:
    """A block that talks to the authority: Unreachable where it gives no answer, or takes too long for it."""
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            yield
    except TimeoutError as error:
        raise Unreachable(f"The authority was not done within {ATTEMPT_SECONDS:g} seconds") from error
    except FetchFailed as error:
        raise Unreachable(str(error)) from error


class Enrolment:
    """Who we are to the authority: registered once, and with whichever key the authority knows us by."""

    def __init__(self, web: Web, terms: Terms, accounts: Accounts) -> None:
        self._web = web
        self._terms = terms
        self._accounts = accounts
        self._account: Account | None = None

    def kept(self) -> Account | None:
        """The account as it is on the disk; None where there is none yet. Blocks."""
        return self._account or self._accounts.load(self._terms.directory)

    async def authority(self) -> Authority:
        """The authority, for what needs no account."""
        return self.of_key((await self._known()).key)

    async def registered(self) -> Authority:
        """The authority, as our account talks to it, which is registered where it is not yet."""
        known = await self._known()
        authority = self.of_key(known.key)
        if not known.url:
            known = await accounts.registered(authority, known, self._terms.registration)
            await self._remember(known)
        authority.account = known.url
        return authority

    async def is_registered(self) -> bool:
        """Whether there is an account, as far as we know."""
        return bool((await self._known()).url)

    def of_key(self, pem: bytes) -> Authority:
        """The authority, as a key talks to it."""
        return Authority(self._web, self._terms.directory, keys.read(pem), self._terms.trust, time.time)

    async def forget(self) -> None:
        """The authority knows nothing of the account: the next attempt registers anew."""
        await self._remember(replace(await self._known(), url=""))

    async def change_key(self) -> str:
        """Give the account another key; its address. Problem where the authority does not, and the old one stays.

        Where the authority gave no answer both keys are kept, and whoever needs the account next finds out which it is.
        """
        known = await self._known()
        if not known.url:
            raise Problem("accountDoesNotExist", "There is no account with the authority yet")
        if not known.next_key:
            known = replace(known, next_key=keys.make())
            await self._remember(known)
        try:
            await key_change.ask(await self.registered(), keys.read(known.next_key))
        except Problem as no:
            if no.is_final:
                await self._remember(replace(known, next_key=b""))
            else:
                self._account = None
            raise
        except BaseException:
            self._account = None
            raise
        await self._remember(replace(known, key=known.next_key, next_key=b""))
        return known.url

    async def _known(self) -> Account:
        if self._account is None:
            found = await asyncio.to_thread(self._accounts.load_or_make, self._terms.directory)
            self._account = await self._settled(found) if found.next_key else found
        return self._account

    async def _settled(self, found: Account) -> Account:
        """A change of keys was begun, and nobody noted its end: ask the authority which key it knows."""
        url = await accounts.known_as(self.of_key(found.next_key))
        if not url:
            return found
        changed = replace(found, key=found.next_key, url=url, next_key=b"")
        await self._remember(changed)
        return changed

    async def _remember(self, account: Account) -> None:
        await asyncio.to_thread(self._accounts.save, self._terms.directory, account)
        self._account = account
