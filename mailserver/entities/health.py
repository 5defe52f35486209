"""What an examination of the installation finds."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a thing stands."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"  # it could not be looked at, or does not apply


_GRAVITY = {Status.OK: 0, Status.SKIPPED: 1, Status.WARNING: 2, Status.FAILED: 3}


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing stands, why that matters, and how to mend it; `subject` is whose it is, such as a domain."""

    check: str  # dotted: dns.mx
    status: Status
    detail: str
    why: str = ""
    fix: str = ""
    subject: str = ""

    def is_of(self, name: str) -> bool:
        """Whether it belongs to a check, or to a group of them."""
        return self.check == name or self.check.startswith(f"{name}.")


def worst(findings: Iterable[Finding]) -> Status:
    """The gravest status; ok where nothing is worse."""
    found = max((each.status for each in findings), key=_GRAVITY.__getitem__, default=Status.OK)
    return Status.OK if found is Status.SKIPPED else found
