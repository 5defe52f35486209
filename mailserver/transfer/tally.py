"""What an import has done so far, folder by folder."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

MOST_NAMED = 100  # failures that a summary tells one by one


@dataclass(slots=True)
class FolderTally:
    """One folder."""

    name: str
    imported: int = 0
    there: int = 0
    failed: int = 0
    problem: str = ""


@dataclass(slots=True)
class Tally:
    """All folders of one source, and the first failures with their reasons."""

    inbox: str
    folders: list[FolderTally] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    problem: str = ""  # why it ended before its time
    code: int = 0

    def fail(self, folder: FolderTally, key: str, reason: str) -> None:
        """Count a message that could not be imported."""
        folder.failed += 1
        if len(self.failures) < MOST_NAMED:
            self.failures.append({"folder": folder.name, "message": key, "reason": reason})

    @property
    def sums(self) -> Counter[str]:
        """Imported, there and failed, of all folders."""
        sums: Counter[str] = Counter()
        for each in self.folders:
            sums.update(imported=each.imported, there=each.there, failed=each.failed)
        return sums

    @property
    def is_whole(self) -> bool:
        """Whether everything that was found is there."""
        return not self.problem and not self.sums["failed"] and not any(each.problem for each in self.folders)

    def document(self) -> dict[str, Any]:
        """As a machine reads it."""
        sums = self.sums
        return {
            "inbox": self.inbox, "imported": sums["imported"], "there": sums["there"], "failed": sums["failed"],
            "folders": [
                {"folder": each.name, "imported": each.imported, "there": each.there, "failed": each.failed}
                | ({"problem": each.problem} if each.problem else {})
                for each in self.folders
            ],
            "failures": self.failures,
        } | ({"problem": self.problem} if self.problem else {})  # fmt: skip


class Progress(Protocol):
    """Who watches."""

    def total(self, folder: str, messages: int | None) -> None:
        """A folder is begun; how many messages it has, where that is known."""
        ...

    def done(self, folder: str, messages: int) -> None:
        """Some more of its messages are dealt with."""
        ...

    def finished(self, folder: str) -> None:
        """All of them are."""
        ...
