"""Shapes of the health page."""

from typing import Literal

from mailserver.api.gent.schemas.messages import Shape

Word = Literal["ok", "warning", "failed", "skipped"]


class FindingShown(Shape):
    """How one thing stands, why it matters, and how to mend it. `subject` is whose it is, such as a domain."""

    check: str
    status: Word
    subject: str
    detail: str
    why: str
    fix: str


class HealthReport(Shape):
    """What was found. `server` says whether the machine itself was looked at, or the tenant's domains alone."""

    status: Word
    checked_at: str
    server: bool
    findings: list[FindingShown]
