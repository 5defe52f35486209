"""Maildir and Maildir++ as Dovecot, Courier and mutt keep them: read, never changed."""

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from mailserver.entities.moving import Brought, Place
from mailserver.mail import mailbox_names
from mailserver.transfer import bringing, inventory, marks, special_use
from mailserver.transfer.source import FolderProblem, NoSource, SourceFolder, Unreadable

AT_ONCE = 1000  # keys of one list
DEEPEST = 20
OURS = ".mailserver,"  # in the names of files that an export has written: their bytes are as they were
KEYWORDS = "dovecot-keywords"
_ESCAPED = re.compile(r"\\(2e|2f|5c)", re.IGNORECASE)  # as Dovecot's listescape has them


class MaildirSource:
    """A Maildir with the folders in it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.identity = f"maildir:{directory.resolve()}"

    async def folders(self) -> list[SourceFolder]:
        """The folders; NoSource where there is not one."""
        return await asyncio.to_thread(self._folders)

    async def session(self) -> "MaildirSession":
        """A way to its files."""
        return MaildirSession(self._directory)

    def _folders(self) -> list[SourceFolder]:
        known = inventory.read(self._directory)
        places = known.places if known else {}
        found: list[SourceFolder] = []
        try:
            for at in _walk(self._directory, "", 0):
                place = places.get(at) or _place(at)
                name = "/".join(place.path)
                found.append(SourceFolder(name, place, at, _count(self._directory / at)))
        except OSError as error:
            raise NoSource(f"{self._directory} cannot be read: {error.strerror}.") from error
        if not found:
            raise NoSource(f"{self._directory} is no Maildir: it has no cur and new, and nor has what lies in it.")
        return found


class MaildirSession:
    """Reads the files of one folder after the other."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def listed(self, folder: SourceFolder) -> AsyncIterator[list[str]]:
        """The names of its messages, as far as they stay when flags change."""
        names = await asyncio.to_thread(_names, self._directory / folder.reference)
        keys = sorted({_key(folder, name) for name in names}, key=_by_time)
        for start in range(0, len(keys), AT_ONCE):
            yield keys[start : start + AT_ONCE]

    async def fetched(
        self, folder: SourceFolder, keys: Sequence[str], most_bytes: int
    ) -> AsyncIterator[Brought | Unreadable]:
        """Read them one by one."""
        directory = self._directory / folder.reference
        names = await asyncio.to_thread(_names, directory)
        by_key = {_key(folder, name): name for name in names}
        words = await asyncio.to_thread(_keywords, directory)
        for key in keys:
            if key in by_key:  # else its owner has deleted it meanwhile
                found = await asyncio.to_thread(_read, directory, by_key[key], folder.place, key, words, most_bytes)
                if found is not None:
                    yield found

    async def close(self) -> None:
        """Nothing is open."""


def _walk(root: Path, at: str, depth: int) -> list[str]:
    """Where the folders lie below a directory: those of Maildir++ beside one another, others in one another."""
    here = root / at
    found = [at] if (here / "cur").is_dir() or (here / "new").is_dir() else []
    if depth == DEEPEST:
        return found
    for entry in sorted(os.scandir(here), key=lambda each: each.name):
        if entry.name not in ("cur", "new", "tmp") and entry.is_dir(follow_symlinks=False):
            found += _walk(root, f"{at}/{entry.name}" if at else entry.name, depth + 1)
    return found


def _place(at: str) -> Place:
    if not at:
        return Place(("INBOX",), special_use.by_name(("INBOX",)))
    names: list[str] = []
    for piece in at.split("/"):
        names += [each for each in piece.split(".") if each] if piece.startswith(".") else [piece]
    path = tuple(_unescaped(mailbox_names.decode(os.fsencode(each))) for each in names) or ("INBOX",)
    return Place(path, special_use.by_name(path))


def _unescaped(name: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)


def _names(directory: Path) -> list[str]:
    """The files of a folder, as `cur/name` and `new/name`."""
    found: list[str] = []
    for part in ("new", "cur"):
        try:
            with os.scandir(directory / part) as entries:
                found += [f"{part}/{entry.name}" for entry in entries if not entry.name.startswith(".")]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise FolderProblem(f"{directory / part} cannot be read: {error.strerror}.") from error
    return found


def _count(directory: Path) -> int | None:
    try:
        return len(_names(directory))
    except FolderProblem:
        return None  # said when its turn comes


def _key(folder: SourceFolder, name: str) -> str:
    return f"{folder.reference}/{name.partition('/')[2].partition(':')[0]}"


def _by_time(key: str) -> tuple[int, str]:
    """Names begin with the second of their delivery."""
    seconds = key.rpartition("/")[2].partition(".")[0]
    return (int(seconds) if seconds.isdecimal() and seconds.isascii() else 0, key)


def _keywords(directory: Path) -> dict[str, str]:
    """Which keyword each small letter means in this folder, as Dovecot notes it."""
    try:
        lines = (directory / KEYWORDS).read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        number, _, word = line.partition(" ")
        if number.isdecimal() and int(number) < 26 and word:
            found[chr(ord("a") + int(number))] = word
    return found


def _read(
    directory: Path, name: str, place: Place, key: str, words: dict[str, str], most_bytes: int
) -> Brought | Unreadable | None:
    path = directory / name
    part, _, rest = name.partition("/")
    unique, _, suffix = rest.partition(":2,")
    try:
        with os.fdopen(_plainly(path), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return Unreadable(key, "It is no file.")
            if status.st_size > most_bytes:
                return Unreadable(key, f"It has {status.st_size:,} octets; limits.message_bytes is {most_bytes:,}.")
            content = file.read()
    except FileNotFoundError:
        return None  # renamed or deleted since it was listed
    except OSError as error:
        return Unreadable(key, f"It cannot be read: {error.strerror}.")
    flags = suffix.partition(",")[0] if part == "cur" else ""
    keywords = marks.of_letters(flags, marks.MAILDIR)
    named = [words[each] for each in flags if each in words]
    is_ours = OURS in unique
    keywords += named if is_ours else marks.of_imap(named)
    return bringing.bring(place, keywords, status.st_mtime_ns // 1_000_000, key, content, is_exact=is_ours)


def _plainly(path: Path) -> int:
    """A descriptor; neither a link to somewhere else nor a pipe that nobody writes to is followed."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
