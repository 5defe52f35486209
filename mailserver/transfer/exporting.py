"""Write an inbox down for other programs: into a directory that is empty, or that the same export has begun."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailserver.entities.folder import Role
from mailserver.entities.moving import Place
from mailserver.transfer import inventory, maildir_writing, mbox_writing
from mailserver.transfer.inventory import Inventory
from mailserver.transfer.tally import Progress
from mailserver.transfer.target import Ask

PAGE = 500
_UNFIT = re.compile(r"[%/\x00]")


class TargetTaken(Exception):
    """The directory holds something else."""


class TargetUnwritable(Exception):
    """The directory cannot be written; the sentence says why."""


@dataclass(slots=True)
class Written:
    """What an export has done."""

    exported: int = 0
    there: int = 0
    gone: int = 0  # deleted while it ran
    damaged: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)  # keywords


class Export:
    """One inbox into one directory; the messages' files are read where the server keeps them."""

    def __init__(self, ask: Ask, inbox: str, files: Path, target: Path, form: str, progress: Progress) -> None:
        self._ask = ask
        self._inbox = inbox
        self._files = files
        self._target = target
        self._form = form
        self._progress = progress
        self._done = Written()

    async def run(self) -> Written:
        """Write every folder. TargetTaken, TargetUnwritable or TargetRefused where that cannot be."""
        shelves = await self._ask("export.folders", inbox=self._inbox)
        places = {
            row["folder"]: Place(tuple(row["path"]), Role(row["role"]) if row["role"] else None) for row in shelves
        }
        where = self._where(list(places.values()))
        known = Inventory(
            self._inbox, self._form, {where[place]: place for place in places.values()}, is_finished=False
        )
        try:
            await asyncio.to_thread(self._claim, known)
            for row in shelves:
                place = places[row["folder"]]
                name = "/".join(place.path)
                self._progress.total(name, row["messages"])
                if self._form == "maildir":
                    await self._maildir(row["folder"], name, where[place])
                else:
                    await self._mbox(row["folder"], name, where[place])
                self._progress.finished(name)
            finished = Inventory(known.inbox, known.form, known.places, is_finished=True)
            await asyncio.to_thread(inventory.write, self._target, finished)
        except OSError as error:
            raise TargetUnwritable(f"{self._target} cannot be written: {error.strerror or error}.") from error
        return self._done

    def _where(self, places: Sequence[Place]) -> dict[Place, str]:
        if self._form == "maildir":
            return {place: maildir_writing.directory_of(place) for place in places}
        return {place: "/".join(map(_file_name, place.path)) + ".mbox" for place in places}

    def _claim(self, known: Inventory) -> None:
        self._target.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = inventory.read(self._target)
        if there is None:
            if any(self._target.iterdir()):
                raise TargetTaken(
                    f"{self._target} is not empty. Export into a directory that is, or that is not there."
                )
        elif there.is_finished or (there.inbox, there.form) != (known.inbox, known.form):
            raise TargetTaken(
                f"{self._target} holds an export of {there.inbox} as {there.form}"
                f"{', finished' if there.is_finished else ''}. Export into another directory."
            )
        inventory.write(self._target, known)

    async def _maildir(self, folder: str, name: str, at: str) -> None:
        writer = maildir_writing.FolderWriter(self._target / at)
        await asyncio.to_thread(writer.open, is_top=not at)
        async for row, content in self._messages(folder):
            is_new = await asyncio.to_thread(writer.put, row["message"], content, row["received_at"], row["keywords"])
            self._done.exported += is_new
            self._done.there += not is_new
            self._progress.done(name, 1)
        self._done.left_out |= writer.left_out

    async def _mbox(self, folder: str, name: str, at: str) -> None:
        """The file gets its name when it is whole; one that has it was finished by an earlier run."""
        path = self._target / at
        if path.exists():
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.tmp")
        with await asyncio.to_thread(temporary.open, "wb") as file:
            async for row, content in self._messages(folder):
                octets = mbox_writing.written(content, row["sender"], row["received_at"], row["keywords"])
                await asyncio.to_thread(file.write, octets)
                self._done.exported += 1
                self._progress.done(name, 1)
        temporary.replace(path)

    async def _messages(self, folder: str) -> AsyncIterator[tuple[dict[str, Any], bytes]]:
        after: list[Any] = []
        while True:
            rows = await self._ask("export.page", inbox=self._inbox, folder=folder, after=after, limit=PAGE)
            if not rows:
                return
            for row in rows:
                content = await asyncio.to_thread(_read, self._files / row["location"])
                if content is None:
                    self._done.gone += 1
                elif hashlib.sha256(content).hexdigest() != row["hash"]:
                    self._done.damaged.append(row["message"])
                else:
                    yield row, content
            after = [rows[-1]["received_at"], rows[-1]["message"]]


def _read(path: Path) -> bytes | None:
    """The bytes of a message; None where it has been deleted since it was listed."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _file_name(name: str) -> str:
    text = _UNFIT.sub(lambda found: f"%{ord(found[0]):02X}", name)
    if text.startswith("."):
        text = "%2E" + text[1:]
    if len(text.encode()) <= inventory.LONGEST_NAME:
        return text
    end = "~" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return text.encode()[: inventory.LONGEST_NAME - len(end)].decode("utf-8", "ignore") + end
