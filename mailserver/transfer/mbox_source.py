"""mbox files as folders: those that are named, or those in a directory, as Thunderbird and our export lay them out."""

import asyncio
import os
from collections.abc import AsyncIterator, Generator, Sequence
from pathlib import Path
from urllib.parse import unquote

from mailserver.entities.moving import Brought, Place
from mailserver.transfer import bringing, inventory, mbox, special_use
from mailserver.transfer.mbox import Entry, TooLong
from mailserver.transfer.source import FolderProblem, NoSource, SourceFolder, Unreadable

DEEPEST = 20
SUFFIXES = (".mbox", ".mbx")
CHILDREN = ".sbd"  # Thunderbird keeps the folders in Work beside it in Work.sbd


class MboxSource:
    """Files and directories of files; `into` is a folder that all of them go to."""

    def __init__(self, paths: Sequence[Path], into: Sequence[str] = ()) -> None:
        self._paths = tuple(paths)
        self._into = tuple(into)
        self.identity = "mbox:" + "\0".join(str(path.resolve()) for path in paths)

    async def folders(self) -> list[SourceFolder]:
        """One for each file; NoSource where one that is named is none."""
        return await asyncio.to_thread(self._folders)

    async def session(self) -> "MboxSession":
        """A way to the files."""
        return MboxSession()

    def _folders(self) -> list[SourceFolder]:
        found: list[SourceFolder] = []
        for path in self._paths:
            if path.is_dir():
                known = inventory.read(path)
                found += self._below(path, path, (), 0, known.places if known else {})
                continue
            head = _head(path)
            if head is None or not mbox.is_mbox(head):
                raise NoSource(f"{path} is no mbox file that can be read: it does not begin with a From line.")
            found.append(self._folder(path, (_name(path.name),), None))
        if not found:
            raise NoSource("There is no mbox file.")
        return found

    def _below(
        self, root: Path, directory: Path, path: tuple[str, ...], depth: int, places: dict[str, Place]
    ) -> list[SourceFolder]:
        found: list[SourceFolder] = []
        try:
            entries = sorted(directory.iterdir())
        except OSError as error:
            raise NoSource(f"{directory} cannot be read: {error.strerror}.") from error
        for each in entries:
            if each.name.startswith(".") or each.is_symlink():
                continue
            if each.is_dir() and depth < DEEPEST:
                name = unquote(each.name.removesuffix(CHILDREN))
                found += self._below(root, each, (*path, name), depth + 1, places)
            elif each.is_file() and each.name != inventory.NAME:
                head = _head(each)
                if head is not None and mbox.is_mbox(head) and not each.name.endswith((".msf", ".dat", ".tmp")):
                    place = places.get(str(each.relative_to(root)))
                    found.append(self._folder(each, (*path, _name(each.name)), place))
        return found

    def _folder(self, file: Path, path: tuple[str, ...], known: Place | None) -> SourceFolder:
        path = self._into or path
        place = known if known and not self._into else Place(path, special_use.by_name(path))
        return SourceFolder("/".join(place.path), place, str(file))


class MboxSession:
    """Reads one file after the other."""

    async def listed(self, folder: SourceFolder) -> AsyncIterator[list[str]]:
        """Messages of an mbox have no names."""
        del folder
        yield [""]

    async def fetched(
        self, folder: SourceFolder, keys: Sequence[str], most_bytes: int
    ) -> AsyncIterator[Brought | Unreadable]:
        """Every message of the file."""
        del keys
        walk = _entries(Path(folder.reference), most_bytes)
        try:
            while (entry := await asyncio.to_thread(_next, walk)) is not None:
                if isinstance(entry, TooLong):
                    reason = f"It has more than {most_bytes:,} octets (limits.message_bytes)."
                    yield Unreadable(f"message {entry.number}", reason)
                    continue
                received_at = entry.received_at if entry.received_at is not None else bringing.now()
                yield bringing.bring(
                    folder.place, entry.keywords, received_at, "", entry.content, is_exact=entry.is_exact
                )
        finally:
            walk.close()

    async def close(self) -> None:
        """Nothing is open."""


def _entries(path: Path, most_bytes: int) -> Generator[Entry | TooLong, None, None]:
    try:
        with path.open("rb") as file:
            yield from mbox.entries(file, most_bytes)
    except OSError as error:
        raise FolderProblem(f"{path} cannot be read: {error.strerror}.") from error


def _next(walk: Generator[Entry | TooLong, None, None]) -> Entry | TooLong | None:
    return next(walk, None)


def _head(path: Path) -> bytes | None:
    """The beginning of a file; None for what is none, or cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(descriptor, 64)
        finally:
            os.close(descriptor)
    except OSError:
        return None


def _name(text: str) -> str:
    for suffix in SUFFIXES:
        if text.endswith(suffix):
            return unquote(text.removesuffix(suffix)) or text
    return text
