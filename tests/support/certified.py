"""A server's certificates with their authority, DNS and clock, all in this process."""

import asyncio
import time
from contextlib import suppress

from mailserver.certificates.acme.account import Accounts, Registration
from mailserver.certificates.acme.solving import HttpTokens
from mailserver.certificates.pairs import Pairs
from mailserver.certificates.served import Certificates
from mailserver.services.certification import keeper
from mailserver.services.certification.enrolment import Enrolment, Terms
from mailserver.services.certification.issuing import Issuing
from mailserver.services.certification.keeper import Keeper
from mailserver.services.certification.names import Names
from mailserver.services.certification.next_keys import NextKeys
from mailserver.services.certification.revoking import Revoking
from mailserver.services.certification.windows import Windows
from mailserver.services.certification.wishes import Wishes
from tests.support.acme_authority import DIRECTORY, FakeAuthority, Killed
from tests.support.zone import FakeResolver

HOST = "mail.local.test"
DOMAIN = "@local.test"
WHERE = f"_25._tcp.{HOST}"
HOURS, DAYS = 3_600_000, 86_400_000


class Desk:
    """A keeper on a directory, with its authority; `again` is what a restart makes of it."""

    def __init__(self, directory, **authority):
        self.directory = directory
        self.at = int(time.time() * 1000)
        self.tokens = HttpTokens()
        self.authority = FakeAuthority(lambda token: self.tokens.answer(token), lambda: self.at / 1000, **authority)
        self.resolver = FakeResolver(hosts={HOST: ["192.0.2.1"]})
        self.domains = []
        self.registration = Registration(("postmaster@local.test",), terms_agreed=True)
        self.operator = None
        self.again()

    def again(self):
        self.tokens = HttpTokens()
        self.pairs = Pairs(self.directory / "acme")
        self.certificates = Certificates(self.operator, self.operator, self.directory, HOST, self.pairs)
        self.certificates.load()
        terms = Terms(DIRECTORY, self.registration)
        enrolment = Enrolment(self.authority, terms, Accounts(self.directory))
        issuing = Issuing(enrolment, self.pairs, [self.tokens])

        async def domains():
            return self.domains

        names = Names(HOST, self.resolver)
        now, chance = lambda: self.at, lambda: 0.5
        next_keys = NextKeys(HOST, self.certificates, self.pairs, self.resolver, now)
        revoking = Revoking(HOST, enrolment, self.pairs, self.certificates, next_keys, now)
        asked = keeper.Desk(enrolment, issuing, Windows(issuing, self.pairs, now, chance), revoking)
        self.keeper = Keeper(HOST, self.certificates, self.pairs, asked, names, domains, next_keys, now, chance)
        self.wishes = Wishes(HOST, self.keeper, asked, self.certificates, self.pairs, next_keys)

    async def state(self, name=HOST):
        return next(one for one in await self.keeper.state() if one.name == name)

    async def passed(self, milliseconds):
        self.at += milliseconds
        return await self.keeper.round()

    async def running(self, call):
        """Call the keeper while its task runs."""
        task = asyncio.ensure_future(self.keeper.run())
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return await call()
        finally:
            self.keeper.stop()
            await task


def served(desk):
    """The certificate that the host shows."""
    return desk.certificates.shown[0].leaf


async def killed(desk, axe, step, call):
    """Whether the process ended before that step of a call; it has started again then."""
    task = asyncio.ensure_future(desk.keeper.run())
    while not desk.keeper._is_running:
        await asyncio.sleep(0)
    async with desk.keeper._turn:
        pass
    try:
        with axe.falls_before(step):
            await call()
    except Killed:
        pass
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Killed, BaseExceptionGroup):
            await task
    desk.again()
    return axe.has_fallen
