"""A Maildir++ as Dovecot and mutt read it: folders beside one another, flags in the names, times as those of the files.

Bytes are written as they are kept. Keywords without a letter of their own stand in dovecot-keywords.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from mailserver.entities.folder import Role
from mailserver.entities.moving import Place
from mailserver.mail import mailbox_names
from mailserver.transfer import inventory, marks
from mailserver.transfer.maildir import KEYWORDS, OURS

MOST_KEYWORDS = 26  # of one folder: as many as there are small letters
_WITH_LETTER = frozenset(marks.MAILDIR.values())
_MODE = 0o700


def directory_of(place: Place) -> str:
    """Where a folder lies below the Maildir: '' for the Inbox itself."""
    path = place.path
    if place.role is Role.INBOX:
        return ""
    names = ["INBOX" if not at and each.casefold() == "inbox" else each for at, each in enumerate(path)]
    written = "".join("." + mailbox_names.encode(_escaped(each)).decode() for each in names)
    if len(written) <= inventory.LONGEST_NAME:
        return written
    end = "~" + hashlib.sha256(written.encode()).hexdigest()[:8]  # the inventory has the whole path
    return written[: inventory.LONGEST_NAME - len(end)].rstrip(".") + end


class FolderWriter:
    """One folder of a Maildir."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._words: list[str] = []
        self.left_out: set[str] = set()  # keywords that had no letter any more

    def open(self, *, is_top: bool) -> None:
        """Make the folder where it is missing, and learn what a run before this one has written."""
        for part in ("", "tmp", "new", "cur"):
            (self._directory / part).mkdir(mode=_MODE, parents=True, exist_ok=True)
        if not is_top:
            (self._directory / "maildirfolder").touch()  # by which Courier and Dovecot know it
        try:
            lines = (self._directory / KEYWORDS).read_text("utf-8").splitlines()
            self._words = [line.partition(" ")[2] for line in lines]
        except FileNotFoundError:
            self._words = []
        with os.scandir(self._directory / "cur") as entries:
            self._there = {entry.name.partition(":")[0] for entry in entries}

    def put(self, message: str, content: bytes, received_at: int, keywords: Sequence[str]) -> bool:
        """Write a message; False where it is there already."""
        unique = f"{received_at // 1000}.{message}{OURS}S={len(content)}"
        if unique in self._there:
            return False
        letters = marks.letters(keywords, marks.MAILDIR)
        letters += "".join(sorted(self._letter(each) for each in keywords if each not in _WITH_LETTER))
        temporary = self._directory / "tmp" / unique
        temporary.write_bytes(content)
        os.utime(temporary, ns=(received_at * 1_000_000, received_at * 1_000_000))
        temporary.rename(self._directory / "cur" / f"{unique}:2,{letters}")
        return True

    def _letter(self, word: str) -> str:
        """The small letter that stands for a keyword in this folder; '' where all are taken."""
        if word not in self._words:
            if len(self._words) == MOST_KEYWORDS:
                self.left_out.add(word)
                return ""
            self._words.append(word)
            lines = "".join(f"{number} {each}\n" for number, each in enumerate(self._words))
            temporary = self._directory / "tmp" / KEYWORDS
            temporary.write_text(lines, "utf-8")
            temporary.replace(self._directory / KEYWORDS)
        return chr(ord("a") + self._words.index(word))


def _escaped(name: str) -> str:
    """Without the dots that would part folders, as Dovecot's listescape writes them."""
    return re.sub(r"[./\\]", lambda found: f"\\{ord(found[0]):02x}", name)
