"""Old mail that moves in: stored in batches, once, with its folders, keywords and times; nobody is told of it."""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import structlog

from mailserver.entities import errors, keyword, label
from mailserver.entities.draft import DraftState, StoredDraft
from mailserver.entities.folder import Role
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.entities.label import LabelType
from mailserver.entities.message import Flag, Visibility
from mailserver.entities.moving import Brought, Fate, Received
from mailserver.services.accounts.allotments import Allotments
from mailserver.services.mailbox.ingest import Ingest, Prepared
from mailserver.services.moving.placing import Placing
from mailserver.services.syncing import email_setting
from mailserver.services.syncing.email_setting import Room
from mailserver.storage import arrange, drafts, files, label_store, moving
from mailserver.storage.database import Database, Transaction
from mailserver.storage.files import MessageFiles
from mailserver.storage.moving import Lying
from mailserver.storage.records import Copy, Record

_HIDDEN: dict[Role | None, Visibility] = {Role.JUNK: Visibility.SPAM, Role.TRASH: Visibility.TRASH}
_THERE = Received(Fate.THERE)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Item:
    """A message that may have to be stored."""

    position: int  # in its batch
    brought: Brought
    blob: bytes
    copy: Copy


class Arriving:
    """Takes what an import brings to an inbox.

    A message whose bytes lie in the folder already is there; one that lies elsewhere in the inbox with the same flags
    and time comes to lie in this folder too. What a source names is known again by that name, though it was moved or
    deleted meanwhile.
    """

    def __init__(
        self, database: Database, message_files: MessageFiles, ingest: Ingest, room: Room, ids: IdSource,
        executor: Executor, message_bytes: int, allotments: Allotments,
    ) -> None:  # fmt: skip
        self._database = database
        self._files = message_files
        self._ingest = ingest
        self._room = room
        self._ids = ids
        self._executor = executor
        self.message_bytes = message_bytes
        self._allotments = allotments
        self._writing: set[int] = set()

    async def begin(self, inbox: Inbox) -> int:
        """Take away files whose rows a crash kept from being written; how many."""
        begun = await self._database.read(moving.begun, inbox.id)
        left = [each for each in begun if each not in self._writing]
        for message_id in left:
            await self._run(self._files.remove, files.location(inbox.id, message_id))
        if left:
            await self._database.write(moving.end, inbox.id, left)
            log.info("import.leftovers.removed", inbox_id=inbox.id, files=len(left))
        return len(left)

    async def known(self, inbox: Inbox, source: str, keys: Sequence[str]) -> list[str]:
        """Those keys of a source whose messages the inbox has had."""
        tokens = {_token(source, key): key for key in keys}
        found = await self._database.read(moving.known, inbox.id, list(tokens))
        return [key for token, key in tokens.items() if token in found]

    async def store(self, inbox: Inbox, source: str, batch: Sequence[Brought]) -> list[Received]:
        """Store what is not there yet, on the disk when this returns; what became of each."""
        if not self._room.is_there:
            raise errors.StoreFull
        await self._allotments.refuse_full(inbox)
        fates: list[Received | None] = [None] * len(batch)
        usable: list[tuple[int, Brought, bytes]] = []
        for position, brought in enumerate(batch):
            reason = self._unfit(brought)
            if reason:
                fates[position] = Received(Fate.REFUSED, reason)
            else:
                usable.append((position, brought, await self._run(_hash, brought.content)))
        items, refused = await self._database.write(self._plan, inbox, usable)
        for position, reason in refused:
            fates[position] = Received(Fate.REFUSED, reason)
        ids = [item.copy.message_id for item in items]
        self._writing.update(ids)
        try:
            await self._fill(inbox, source, items, fates, [brought for _, brought, _ in usable])
        finally:
            self._writing.difference_update(ids)
        return [fate or _THERE for fate in fates]

    # -- inside -------------------------------------------------------------------------------------------------

    def _unfit(self, brought: Brought) -> str:
        if len(brought.content) > self.message_bytes:
            return f"It has {len(brought.content):,} octets; limits.message_bytes is {self.message_bytes:,}."
        if not email_setting.looks_like_mail(brought.content):
            return "It does not begin with a header field; it is no message."
        return ""

    def _plan(
        self, tx: Transaction, inbox: Inbox, usable: Sequence[tuple[int, Brought, bytes]]
    ) -> tuple[list[_Item], list[tuple[int, str]]]:
        """Make folders, and note which files are going to be written; those aside that lie where they should."""
        placing = Placing(tx, self._ids, inbox.id)
        lying = moving.with_content(tx, inbox.id, list({blob for _, _, blob in usable}))
        allowed = _Labels(tx, inbox.tenant_id)
        items: list[_Item] = []
        refused: list[tuple[int, str]] = []
        for position, brought, blob in usable:
            try:
                wanted = frozenset(placing.folder_of(place) for place in brought.places)
            except (errors.Forbidden, errors.Invalid) as refusal:
                refused.append((position, refusal.message))
                continue
            if _is_there(brought, wanted, lying.get(blob, ())):
                continue
            flags, atoms = keyword.split(brought.keywords)
            copy = _copy(self._ids.next(), inbox, wanted, placing.roles(), flags)
            items.append(_Item(position, brought, blob, replace(copy, labels=allowed.of(atoms))))
        moving.begin(tx, inbox.id, [item.copy.message_id for item in items])
        return items, refused

    async def _fill(
        self, inbox: Inbox, source: str, items: Sequence[_Item], fates: list[Received | None], usable: Sequence[Brought]
    ) -> None:
        prepared: list[Prepared] = []
        for item in items:
            record = Record(
                (item.copy,), item.brought.received_at, len(item.brought.content), item.brought.content, is_news=False
            )
            prepared.append(await self._run(self._ingest.prepare, record))
        if items:
            try:
                await self._run(self._files.sync)
            except OSError as error:
                raise errors.StoreUnavailable from error
        tokens = [_token(source, brought.key) for brought in usable if brought.key]
        unused = await self._database.write(self._write, inbox, items, prepared, fates, tokens)
        for message_id in unused:
            await self._run(self._files.remove, files.location(inbox.id, message_id))

    def _write(
        self,
        tx: Transaction,
        inbox: Inbox,
        items: Sequence[_Item],
        prepared: Sequence[Prepared],
        fates: list[Received | None],
        tokens: Sequence[bytes],
    ) -> list[int]:
        """Insert the rows, and remember what has come; the ids whose files nobody needs."""
        now = int(time.time() * 1000)
        lying = moving.with_content(tx, inbox.id, list({item.blob for item in items}))
        new: list[Prepared] = []
        also: dict[int, frozenset[int]] = {}
        unused: list[int] = []
        for item, each in zip(items, prepared, strict=True):
            copy, wanted = item.copy, frozenset(item.copy.folder_ids)
            others = lying.setdefault(item.blob, [])
            twin = next((one for one in others if _is_twin(one, item)), None)
            if _is_there(item.brought, wanted, others):
                unused.append(copy.message_id)
                fates[item.position] = _THERE
            elif twin is not None:
                unused.append(copy.message_id)
                also[twin.message_id] = folder_ids = twin.folder_ids | wanted
                others[others.index(twin)] = replace(twin, folder_ids=folder_ids)
                fates[item.position] = Received(Fate.IMPORTED)
            else:
                new.append(each)
                others.append(Lying(copy.message_id, copy.flags, item.brought.received_at, wanted))
                fates[item.position] = Received(Fate.IMPORTED)
        stored = {one.copy.message_id for (one,) in self._ingest.write(tx, new, None) if one.is_new}
        if len(stored) != len(new):
            raise errors.NotFound("The inbox was deleted meanwhile.")
        for message_id, folder_ids in also.items():
            arrange.place(tx, message_id, folder_ids, now)
        for each in new:
            if each.record.copies[0].flags & Flag.DRAFT:
                self._note_draft(tx, inbox, each.record.copies[0].message_id, now)
        moving.note(tx, inbox.id, tokens, now)
        moving.end(tx, inbox.id, [item.copy.message_id for item in items])
        if new or also:
            tx.ring(f"inbox:{inbox.id}")
        return unused

    def _note_draft(self, tx: Transaction, inbox: Inbox, number: int, now: int) -> None:
        """Let every face see it as a draft."""
        draft = StoredDraft(
            self._ids.next(), inbox.tenant_id, inbox.id, number, None, None, None, None, None, DraftState.OPEN, None,
            now, now,
        )  # fmt: skip
        drafts.add(tx, draft)

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


class _Labels:
    """Which keywords may become labels of messages, during a transaction."""

    def __init__(self, tx: Transaction, tenant_id: int) -> None:
        self._tx = tx
        self._tenant_id = tenant_id
        self._room = label_store.MOST - label_store.count(tx, tenant_id)
        self._known: dict[str, bool] = {}

    def of(self, atoms: Sequence[str]) -> tuple[str, ...]:
        """Those that may."""
        return tuple(atom for atom in atoms if self._may(atom))[: email_setting.MOST_KEYWORDS]

    def _may(self, atom: str) -> bool:
        if atom not in self._known:
            self._known[atom] = self._ask(atom)
        return self._known[atom]

    def _ask(self, atom: str) -> bool:
        if not label.is_keyword(atom) or atom.startswith(label.SYSTEM_KEYS):
            return False
        known = label_store.by_key(self._tx, self._tenant_id, atom)
        if known is not None:
            return known.type in (LabelType.MESSAGE, LabelType.ANY)
        self._room -= 1
        return self._room >= 0


def _copy(number: int, inbox: Inbox, wanted: frozenset[int], roles: dict[int, Role | None], flags: Flag) -> Copy:
    """The copy as the store knows it; it is hidden as junk or waste where it lies nowhere else."""
    present = {roles.get(each) for each in wanted}
    hidden = [_HIDDEN[role] for role in present if role in _HIDDEN]
    return Copy(
        number, inbox.id, inbox.tenant_id, Role.ARCHIVE.value, flags=int(flags),
        visibility=int(min(hidden)) if len(hidden) == len(present) else int(Visibility.NORMAL),
        is_ours=bool(flags & Flag.DRAFT) or bool(present & {Role.SENT, Role.DRAFTS}),
        folder_ids=tuple(sorted(wanted)),
    )  # fmt: skip


def _is_there(brought: Brought, wanted: frozenset[int], lying: Sequence[Lying]) -> bool:
    """Whether nothing is to be done about a message: its bytes lie where they should, or for a spare one anywhere."""
    return any(brought.is_spare or wanted <= each.folder_ids for each in lying)


def _is_twin(one: Lying, item: _Item) -> bool:
    """Whether it is the same message, which only lies elsewhere: sources tell times to the second."""
    return one.flags == item.copy.flags and one.received_at // 1000 == item.brought.received_at // 1000


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _token(source: str, key: str) -> bytes:
    return hashlib.sha256(f"{source}\0{key}".encode("utf-8", "surrogateescape")).digest()[:16]
