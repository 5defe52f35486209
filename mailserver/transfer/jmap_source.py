"""An account of a JMAP server (RFC 8620, RFC 8621): its mailboxes and messages, read."""

import asyncio
import base64
import calendar
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import orjson

from mailserver.entities import keyword
from mailserver.entities.folder import Role
from mailserver.entities.moving import Brought, Place
from mailserver.fetch import Fetch, Fetched, FetchFailed
from mailserver.transfer import bringing
from mailserver.transfer.source import Dropped, NoSource, SourceFolder, Unreachable, Unreadable, WrongPassword

MAIL = "urn:ietf:params:jmap:mail"
USING = ("urn:ietf:params:jmap:core", MAIL)
ANSWER_SECONDS = 120.0
ANSWER_BYTES = 16 << 20
PAGE = 500
EMAILS_AT_ONCE = 100
BLOBS_AT_ONCE = 4  # downloads beside one another
DEEPEST = 50  # mailboxes in one another; a server that says more goes in a circle
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,3})\d*)?(Z|[+-]\d\d:\d\d)")
_ROLES = {role.value: role for role in Role}


@dataclass(frozen=True, slots=True)
class Account:
    """Where an account is, and how one gets in: with a user's password, or with a token."""

    session_url: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def authorization(self) -> str:
        """The header that says so."""
        if self.token:
            return f"Bearer {self.token}"
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class JmapSource:
    """The mail of one account. Its messages lie in several mailboxes, so it is read as one folder."""

    def __init__(self, account: Account, web: Fetch) -> None:
        self._account = account
        self._web = web
        host = urlsplit(account.session_url).netloc
        self.identity = f"jmap:{account.user or 'token'}@{host}"
        self._is_https = account.session_url.startswith("https:")

    async def folders(self) -> list[SourceFolder]:
        """All mail as one."""
        session = await self.session()
        total = await session.count()
        return [SourceFolder("all mail", Place(("Inbox",), Role.INBOX), "", total)]

    async def session(self) -> "JmapSession":
        """What the server says of itself, and the mailboxes of the account."""
        document = await self._session_document()
        try:
            account_id = document["primaryAccounts"][MAIL]
            api, download = document["apiUrl"], document["downloadUrl"]
        except (KeyError, TypeError) as error:
            raise NoSource(f"{self._account.session_url} is no JMAP session with mail.") from error
        base = self._account.session_url
        session = JmapSession(self, account_id, urljoin(base, api), urljoin(base, download))
        await session.open()
        return session

    async def get(self, url: str, limit_bytes: int) -> Fetched:
        """A resource, as this account."""
        try:
            return await self._web.get(
                url, headers={"Authorization": self._account.authorization}, limit_bytes=limit_bytes,
                timeout_seconds=ANSWER_SECONDS, https_only=self._is_https, trusted=True,
            )  # fmt: skip
        except FetchFailed as error:
            raise Dropped(f"{error}.") from error

    async def post(self, url: str, document: Any) -> Any:
        """The answer to a request, as this account."""
        try:
            answer = await self._web.post(
                url, orjson.dumps(document), limit_bytes=ANSWER_BYTES, timeout_seconds=ANSWER_SECONDS,
                headers={"Authorization": self._account.authorization, "Content-Type": "application/json"},
                https_only=self._is_https, trusted=True,
            )  # fmt: skip
        except FetchFailed as error:
            raise Dropped(f"{error}.") from error
        return _document(answer, url)

    async def _session_document(self) -> Any:
        try:
            answer = await self.get(self._account.session_url, ANSWER_BYTES)
        except Dropped as problem:
            raise Unreachable(str(problem)) from problem
        if answer.status in (301, 302, 303, 307, 308):
            # A password is not sent to wherever a server points to; its owner decides.
            where = urljoin(self._account.session_url, answer.headers.get("location", ""))
            raise NoSource(f"The session is at {where}; give that URL if you trust it with the password.")
        return _document(answer, self._account.session_url)


class JmapSession:
    """Reads an account."""

    def __init__(self, source: JmapSource, account_id: str, api: str, download: str) -> None:
        self._source = source
        self._account_id = account_id
        self._api = api
        self._download = download
        self._places: dict[str, Place] = {}

    async def open(self) -> None:
        """Learn the mailboxes."""
        answer = await self._call("Mailbox/get", {"ids": None, "properties": ["id", "name", "parentId", "role"]})
        rows = {row["id"]: row for row in answer["list"]}
        self._places = {each: _place(each, rows) for each in rows}

    async def count(self) -> int | None:
        """How many messages there are."""
        answer = await self._call("Email/query", {"limit": 1, "calculateTotal": True})
        total = answer.get("total")
        return total if isinstance(total, int) else None

    async def listed(self, folder: SourceFolder) -> AsyncIterator[list[str]]:
        """The ids of all messages, oldest first."""
        del folder
        position = 0
        while True:
            wanted = {"sort": [{"property": "receivedAt", "isAscending": True}], "position": position, "limit": PAGE}
            ids = (await self._call("Email/query", wanted))["ids"]
            if not ids:
                return
            yield [f"{self._account_id}/{each}" for each in ids]
            position += len(ids)

    async def fetched(
        self, folder: SourceFolder, keys: Sequence[str], most_bytes: int
    ) -> AsyncIterator[Brought | Unreadable]:
        """What the messages are, then their bytes, a few beside one another."""
        del folder
        properties = ["id", "blobId", "mailboxIds", "keywords", "receivedAt", "size"]
        for start in range(0, len(keys), EMAILS_AT_ONCE):
            wanted = [key.rpartition("/")[2] for key in keys[start : start + EMAILS_AT_ONCE]]
            rows = (await self._call("Email/get", {"ids": wanted, "properties": properties}))["list"]
            for at in range(0, len(rows), BLOBS_AT_ONCE):
                some = rows[at : at + BLOBS_AT_ONCE]
                for each in await asyncio.gather(*(self._message(row, most_bytes) for row in some)):
                    yield each

    async def close(self) -> None:
        """The connections are the web client's."""

    async def _message(self, row: dict[str, Any], most_bytes: int) -> Brought | Unreadable:
        key = f"{self._account_id}/{row['id']}"
        if row["size"] > most_bytes:
            return Unreadable(key, f"It has {row['size']:,} octets; limits.message_bytes is {most_bytes:,}.")
        url = self._download
        for name, value in (
            ("accountId", self._account_id), ("blobId", row["blobId"]), ("name", "message.eml"),
            ("type", "message/rfc822"),
        ):  # fmt: skip
            url = url.replace(f"{{{name}}}", quote(value, safe=""))
        answer = await self._source.get(url, most_bytes + 1)
        if answer.status >= 500 or answer.status == 429:
            raise Dropped(f"The server answers a download with {answer.status}.")
        if answer.status != 200:
            return Unreadable(key, f"The server answers its download with {answer.status}.")
        places = tuple(self._places[each] for each in row["mailboxIds"] if each in self._places)
        keywords = tuple(each for each, is_set in (row.get("keywords") or {}).items() if is_set)
        received_at = _milliseconds(row["receivedAt"])
        return Brought(
            places or (Place(("Archive",), Role.ARCHIVE),), tuple(filter(keyword.is_valid, keywords)), received_at,
            key, answer.body,
        )  # fmt: skip

    async def _call(self, method: str, arguments: dict[str, Any]) -> Any:
        request = {"using": USING, "methodCalls": [[method, {"accountId": self._account_id, **arguments}, "0"]]}
        answer = await self._source.post(self._api, request)
        try:
            name, found, _ = answer["methodResponses"][0]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Dropped(f"The server's answer to {method} cannot be read.") from error
        if name == "error":
            raise Dropped(f"The server refuses {method}: {found.get('description') or found.get('type')}.")
        return found


def _document(answer: Fetched, url: str) -> Any:
    if answer.status in (401, 403):
        raise WrongPassword(f"{urlsplit(url).netloc} does not let this user in ({answer.status}).")
    if answer.status >= 500 or answer.status == 429:
        raise Dropped(f"{urlsplit(url).netloc} answers with {answer.status}.")
    if answer.status != 200:
        raise NoSource(f"{url} answers with {answer.status}.")
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise NoSource(f"{url} answers with something that is no JSON.") from error


def _place(mailbox_id: str, rows: dict[str, Any]) -> Place:
    names: list[str] = []
    at: str | None = mailbox_id
    while at in rows and len(names) < DEEPEST:
        names.append(rows[at]["name"])
        at = rows[at].get("parentId")
    role = rows[mailbox_id].get("role")
    return Place(tuple(reversed(names)), _ROLES.get(role) if role else None)


def _milliseconds(text: str) -> int:
    found = _DATE.fullmatch(text)
    if found is None:
        return bringing.now()
    year, month, day, hour, minute, second = (int(each) for each in found.groups()[:6])
    moment = calendar.timegm((year, month, day, hour, minute, second, 0, 1, 0)) * 1000
    moment += int((found[7] or "0").ljust(3, "0"))
    if found[8] != "Z":
        offset = time.strptime(found[8][1:], "%H:%M")
        shift = (offset.tm_hour * 60 + offset.tm_min) * 60_000
        moment += -shift if found[8][0] == "+" else shift
    return moment
