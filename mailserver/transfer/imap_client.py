"""A connection to an IMAP server, as far as reading mail needs one: aioimaplib with an end to its patience."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import aioimaplib

from mailserver.mail import imap_answers
from mailserver.mail.imap_answers import Listed
from mailserver.transfer import imap_login
from mailserver.transfer.imap_login import Login
from mailserver.transfer.source import Dropped, FolderProblem, Unreachable, WrongPassword

CONNECT_SECONDS = 30.0
ANSWER_SECONDS = 300.0  # of a server that looks for something; the clock begins anew with everything it says
LOGOUT_SECONDS = 5.0
Answer = TypeVar("Answer")


class ImapClient:
    """One connection. Every trouble is one of `source`'s; a connection that broke off is of no further use."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._lost = asyncio.Event()
        self._client = imap_login.connection(login, CONNECT_SECONDS, self._forget)

    async def open(self) -> None:
        """Connect and log in."""
        where = f"{self._login.host}:{self._login.port}"
        try:
            await self._until_lost(self._client.wait_hello_from_server())
        except (OSError, TimeoutError, aioimaplib.AioImapException, Dropped) as error:
            raise Unreachable(f"{where} gives no IMAP: {error or 'no answer'}.") from error
        try:
            answer = await self._until_lost(imap_login.log_in(self._client, self._login))
        except (ValueError, aioimaplib.AioImapException, TimeoutError) as error:
            raise Unreachable(f"{where} cannot be logged in to: {error or 'no answer'}.") from error
        if answer.result != "OK":
            raise WrongPassword(f"{where} does not let {self._login.user} in: {_text(answer.lines)}")
        self._client.timeout = ANSWER_SECONDS

    async def mailboxes(self) -> list[Listed]:
        """Every mailbox of the account."""
        answer = await self._ask(self._client.list('""', "*"))
        found, pieces = [], list(answer.lines[:-1])
        while pieces:
            taken = 1
            while taken < len(pieces) and isinstance(pieces[taken], bytearray):
                taken += 2 if taken + 1 < len(pieces) and pieces[taken + 1] == b"" else 1
            found.append(imap_answers.listed([each for each in pieces[:taken] if each != b""]))
            del pieces[:taken]
        return found

    async def examine(self, name: bytes) -> str:
        """Open a mailbox for reading alone; its UIDVALIDITY."""
        quoted = aioimaplib.quoted(name.decode("utf-8", "surrogateescape"))
        answer = await self._ask(self._client.examine(quoted))
        self._client.protocol.state = aioimaplib.SELECTED  # the library forgets that EXAMINE selects as well
        for line in answer.lines:
            text = bytes(line)
            if b"[UIDVALIDITY " in text.upper():
                return text.upper().partition(b"[UIDVALIDITY ")[2].partition(b"]")[0].decode("ascii", "replace")
        return "0"

    async def uids(self) -> list[int]:
        """The messages of the open mailbox."""
        answer = await self._ask(self._client.uid_search("ALL", charset=None))
        words = b" ".join(bytes(line) for line in answer.lines[:-1]).split()
        return sorted(int(word) for word in words if word.isdigit())

    async def fetch(self, uids: Sequence[int], items: str) -> list[dict[str, Any]]:
        """What the server has of some messages; few at a time, because the library goes deeper with every line."""
        answer = await self._ask(self._client.uid("FETCH", ",".join(map(str, uids)), items))
        found: list[list[bytes | bytearray]] = []
        for line in answer.lines[:-1]:
            if isinstance(line, bytes) and b" FETCH (" in line.upper()[:40]:
                found.append([line])
            elif found:
                found[-1].append(line)
        return [imap_answers.fetched(pieces) for pieces in found]

    async def close(self) -> None:
        """Say goodbye, to whom still listens."""
        transport = self._client.protocol.transport
        try:
            if not self._lost.is_set() and transport is not None:
                async with asyncio.timeout(LOGOUT_SECONDS):
                    await self._until_lost(self._client.logout())
        except (TimeoutError, aioimaplib.AioImapException, Dropped):
            pass  # it is left either way
        finally:
            if transport is not None:
                transport.abort()

    async def _ask(self, asked: Awaitable[Any]) -> Any:
        try:
            answer = await self._until_lost(asked)
        except (TimeoutError, aioimaplib.CommandTimeout) as error:
            raise Dropped(f"{self._login.host} stopped answering.") from error
        except aioimaplib.AioImapException as error:
            raise Dropped(f"{self._login.host} broke off: {error.reason}.") from error
        if answer.result != "OK":
            raise FolderProblem(f"{self._login.host} says: {_text(answer.lines)}")
        return answer

    async def _until_lost(self, asked: Awaitable[Answer]) -> Answer:
        """The answer; Dropped where the connection goes before it."""
        work = asyncio.ensure_future(asked)
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait((work, lost), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Dropped(f"{self._login.host} closed the connection.")
            return work.result()
        finally:
            for each in (work, lost):
                if not each.done():
                    each.cancel()
            await asyncio.gather(work, lost, return_exceptions=True)

    def _forget(self, error: Exception | None) -> None:
        del error
        self._lost.set()


def _text(lines: Sequence[bytes | bytearray]) -> str:
    return bytes(lines[-1]).decode("utf-8", "replace")[:300] if lines else "no reason"
