"""An account of an IMAP server (RFC 3501, RFC 9051): read without a mark on it."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from mailserver.entities.folder import Role
from mailserver.entities.moving import Brought, Place
from mailserver.mail import imap_answers, mailbox_names
from mailserver.mail.imap_answers import Listed
from mailserver.transfer import bringing, marks, special_use
from mailserver.transfer.imap_client import ImapClient
from mailserver.transfer.imap_login import Login
from mailserver.transfer.source import Dropped, SourceFolder, Unreadable

KEYS_AT_ONCE = 1000
HEADS_AT_ONCE = 100
BYTES_AT_ONCE = 4 << 20
MESSAGES_AT_ONCE = 50
_HEAD = "(UID FLAGS INTERNALDATE RFC822.SIZE)"


class ImapSource:
    """The mailboxes of one account."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self.identity = f"imap:{login.user}@{login.host}:{login.port}"

    async def folders(self) -> list[SourceFolder]:
        """Every mailbox that can be selected, less those that show what lies elsewhere."""
        session = await self.session()
        try:
            found = await session.client.mailboxes()
        finally:
            await session.close()
        real = [
            each
            for each in found
            if not each.attributes & {"\\noselect", "\\nonexistent"} and not each.attributes & special_use.VIRTUAL
        ]
        said = {role for each in real if (role := special_use.by_attributes(each.attributes)) is not None}
        return [_folder(each, said) for each in real]

    async def session(self) -> "ImapSession":
        """A connection, logged in."""
        client = ImapClient(self._login)
        try:
            await client.open()
        except BaseException:
            await client.close()
            raise
        return ImapSession(client)


class ImapSession:
    """Reads one mailbox after the other over one connection."""

    def __init__(self, client: ImapClient) -> None:
        self.client = client
        self._open: str | None = None
        self._validity = ""

    async def listed(self, folder: SourceFolder) -> AsyncIterator[list[str]]:
        """A mailbox's messages by their UIDs and what these are valid for."""
        await self._examine(folder)
        uids = await self.client.uids()
        for start in range(0, len(uids), KEYS_AT_ONCE):
            yield [f"{folder.reference}/{self._validity}/{uid}" for uid in uids[start : start + KEYS_AT_ONCE]]

    async def fetched(
        self, folder: SourceFolder, keys: Sequence[str], most_bytes: int
    ) -> AsyncIterator[Brought | Unreadable]:
        """First what the messages are, then as many bytes at a time as may lie in memory."""
        await self._examine(folder)
        by_uid = {int(key.rpartition("/")[2]): key for key in keys}
        uids = sorted(by_uid)
        for start in range(0, len(uids), HEADS_AT_ONCE):
            heads = _by_uid(await self._fetch(uids[start : start + HEADS_AT_ONCE], _HEAD))
            small = {}
            for uid, head in heads.items():
                size = int(head.get("RFC822.SIZE", b"0"))
                if uid not in by_uid:
                    continue
                if size > most_bytes:
                    reason = f"It has {size:,} octets; limits.message_bytes is {most_bytes:,}."
                    yield Unreadable(by_uid[uid], reason)
                else:
                    small[uid] = size
            for group in _groups(small):
                bodies = _by_uid(await self._fetch(group, "(UID BODY.PEEK[])"))
                for uid in group:
                    content = bodies.get(uid, {}).get("BODY[]")
                    if isinstance(content, bytes):
                        yield _message(folder, by_uid[uid], heads[uid], content)
                    elif uid in bodies:
                        yield Unreadable(by_uid[uid], "The server has no bytes of it.")

    async def close(self) -> None:
        """Log out."""
        await self.client.close()

    async def _examine(self, folder: SourceFolder) -> None:
        if self._open != folder.reference:
            self._open = None
            self._validity = await self.client.examine(folder.reference.encode("utf-8", "surrogateescape"))
            self._open = folder.reference

    async def _fetch(self, uids: Sequence[int], items: str) -> list[dict[str, Any]]:
        try:
            return await self.client.fetch(uids, items)
        except imap_answers.Unreadable as error:
            raise Dropped(f"The server gave an answer that cannot be read: {error}.") from error


def _folder(listed: Listed, said: set[Role]) -> SourceFolder:
    """A mailbox by its path. A name means a role only where the server itself says of no other one that it has it."""
    name = mailbox_names.decode(listed.name)
    reference = listed.name.decode("utf-8", "surrogateescape")
    if special_use.EVERYTHING in listed.attributes:
        return SourceFolder(name, special_use.ARCHIVE, reference, is_everything=True)
    path = tuple(name.split(listed.separator)) if listed.separator else (name,)
    path = tuple(each for each in path if each) or ("INBOX",)
    role = special_use.by_attributes(listed.attributes)
    if role is None:
        named = special_use.by_name(path)
        role = named if named not in said else None
    return SourceFolder(name, Place(path, role), reference)


def _by_uid(rows: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        if isinstance(row.get("UID"), bytes) and row["UID"].isdigit():
            found.setdefault(int(row["UID"]), {}).update(row)  # flags that change meanwhile come as a row of their own
    return found


def _groups(sizes: dict[int, int]) -> Iterator[list[int]]:
    """Messages that are fetched together: few, and few bytes, or a large one alone."""
    group: list[int] = []
    total = 0
    for uid, size in sizes.items():
        if group and (total + size > BYTES_AT_ONCE or len(group) == MESSAGES_AT_ONCE):
            yield group
            group, total = [], 0
        group.append(uid)
        total += size
    if group:
        yield group


def _message(folder: SourceFolder, key: str, head: dict[str, Any], content: bytes) -> Brought:
    flags = [each.decode("utf-8", "replace") for each in head.get("FLAGS", ()) if isinstance(each, bytes)]
    try:
        received_at = imap_answers.internal_date(head["INTERNALDATE"].decode("ascii", "replace"))
    except (imap_answers.Unreadable, KeyError, AttributeError):
        received_at = bringing.now()
    return bringing.bring(folder.place, marks.of_imap(flags), received_at, key, content, is_spare=folder.is_everything)
